use burn::nn::LinearConfig;
use burn::tensor::Device;

use super::*;

fn checkpoints(root: &Path) -> Checkpoints {
    let layer = LinearConfig::new(2, 3).init(&Device::flex());
    Checkpoints::new(root.to_owned(), Architecture::of("egru", &layer))
}

fn snapshot(epochs: usize, batches: usize, best_epoch: Option<usize>) -> Snapshot {
    let bytes = |text: &str| Bytes::from_bytes_vec(text.as_bytes().to_vec());
    Snapshot {
        model: bytes(&format!("model after {epochs} epochs and {batches} batches")),
        optimiser: bytes("moments"),
        state: Some(b"state".to_vec()),
        recipe: Some("seed = 1".to_owned()),
        position: Position {
            epochs,
            windows: batches,
            best_epoch,
            seconds: 0.1 + 0.2,
            ..Position::default()
        },
        format: FORMAT,
    }
}

fn names(checkpoints: &Checkpoints) -> Vec<String> {
    checkpoints.list().unwrap().iter().map(|path| name_of(path)).collect()
}

fn quiet(_: String) {}

#[test]
fn comes_back_byte_for_byte() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    let saved = snapshot(1, 5, Some(1));
    let path = checkpoints.save(&saved).unwrap();
    let loaded = checkpoints.load(&path).unwrap();
    assert_eq!(&loaded.model[..], &saved.model[..]);
    assert_eq!(&loaded.optimiser[..], &saved.optimiser[..]);
    assert_eq!((loaded.state, loaded.recipe), (saved.state, saved.recipe));
    assert_eq!(loaded.position, saved.position);
}

#[test]
fn keeps_the_two_newest_and_the_best() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    fs::create_dir(root.path().join(".tmp-epoch-0000-batch-000009")).unwrap();
    for (epochs, best) in [(1, 1), (2, 1), (3, 1), (4, 1)] {
        checkpoints.save(&snapshot(epochs, 0, Some(best))).unwrap();
    }
    let kept = ["epoch-0001-batch-000000", "epoch-0003-batch-000000", "epoch-0004-batch-000000"];
    assert_eq!(names(&checkpoints), kept);
    let newest = checkpoints.newest(&quiet).unwrap();
    assert_eq!(newest.position.epochs, 4);
    assert_eq!(checkpoints.best(newest).unwrap().position.epochs, 1);
    // The half-written folder of an earlier crash is gone.
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 3);
}

#[test]
fn saving_a_position_again_replaces_it() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    checkpoints.save(&snapshot(1, 0, None)).unwrap();
    checkpoints.save(&snapshot(1, 0, Some(1))).unwrap();
    assert_eq!(names(&checkpoints).len(), 1);
    assert_eq!(checkpoints.newest(&quiet).unwrap().position.best_epoch, Some(1));
}

#[test]
fn a_damaged_newest_checkpoint_is_passed_over_with_a_notice() {
    for damage in ["flip", "cut", "missing file", "missing manifest", "manifest cut"] {
        let root = tempfile::tempdir().unwrap();
        let checkpoints = checkpoints(root.path());
        checkpoints.save(&snapshot(1, 0, None)).unwrap();
        let newest = checkpoints.save(&snapshot(2, 0, None)).unwrap();
        let (model, manifest) = (newest.join(MODEL), newest.join(MANIFEST));
        let mut bytes = fs::read(&model).unwrap();
        let damaged = match damage {
            "flip" => {
                bytes[3] ^= 1;
                fs::write(&model, bytes).map(|()| MODEL)
            }
            "cut" => fs::write(&model, &bytes[..bytes.len() - 1]).map(|()| MODEL),
            "missing file" => fs::remove_file(&model).map(|()| MODEL),
            "missing manifest" => fs::remove_file(&manifest).map(|()| MANIFEST),
            _ => {
                let text = fs::read(&manifest).unwrap();
                fs::write(&manifest, &text[..text.len() / 2]).map(|()| MANIFEST)
            }
        };
        let file = newest.join(damaged.unwrap()).display().to_string();
        let notices = std::cell::RefCell::new(Vec::new());
        let loaded = checkpoints.newest(&|text| notices.borrow_mut().push(text)).unwrap();
        assert_eq!(loaded.position.epochs, 1, "{damage}");
        let notices = notices.into_inner();
        assert!(notices.len() == 1 && notices[0].contains(&file), "{damage}: {notices:?}");
    }
}

#[test]
fn a_foreign_architecture_is_refused_with_the_difference() {
    let root = tempfile::tempdir().unwrap();
    checkpoints(root.path()).save(&snapshot(1, 0, None)).unwrap();
    let wider = LinearConfig::new(2, 4).init(&Device::flex());
    let other = Checkpoints::new(root.path().to_owned(), Architecture::of("egru", &wider));
    let error = other.newest(&quiet).unwrap_err().to_string();
    assert!(
        error.contains("`weight [2, 3] F32`") && error.contains("`weight [2, 4] F32`"),
        "{error}"
    );
}

#[test]
fn no_checkpoint_is_its_own_error() {
    let root = tempfile::tempdir().unwrap();
    let error = checkpoints(root.path()).newest(&quiet).unwrap_err();
    assert!(matches!(error, CheckpointError::None { .. }));
}

#[test]
fn a_failed_save_keeps_the_previous_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    checkpoints.save(&snapshot(1, 0, None)).unwrap();
    // A file in the way of the temporary folder makes the save fail, even for root.
    fs::write(root.path().join(".tmp-epoch-0002-batch-000000"), "").unwrap();
    assert!(checkpoints.save(&snapshot(2, 0, None)).is_err());
    assert_eq!(checkpoints.newest(&quiet).unwrap().position.epochs, 1);
}

#[test]
fn names_sort_by_number_and_other_folders_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    let own = ["epoch-0003-backup", "epoch-3-batch-1", "notes"];
    for name in own {
        fs::create_dir(root.path().join(name)).unwrap();
    }
    for (epochs, batches) in [(9_998, 0), (9_999, 999_999), (9_999, 1_000_000), (10_000, 0)] {
        checkpoints.save(&snapshot(epochs, batches, None)).unwrap();
    }
    assert_eq!(names(&checkpoints), ["epoch-9999-batch-1000000", "epoch-10000-batch-000000"]);
    assert_eq!(checkpoints.newest(&quiet).unwrap().position.epochs, 10_000);
    assert!(own.iter().all(|name| root.path().join(name).is_dir()));
}

#[test]
fn falling_back_finds_the_best_of_the_older_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    for (epochs, best) in [(1, 1), (2, 1), (3, 3)] {
        checkpoints.save(&snapshot(epochs, 0, Some(best))).unwrap();
    }
    let newest = checkpoints.list().unwrap().pop().unwrap();
    fs::write(newest.join(MODEL), "damaged").unwrap();
    let fallen_back = checkpoints.newest(&quiet).unwrap();
    assert_eq!(fallen_back.position.epochs, 2);
    assert_eq!(checkpoints.best(fallen_back).unwrap().position.epochs, 1);
    fs::remove_dir_all(root.path().join(folder(1, 0))).unwrap();
    let lost = checkpoints.best(checkpoints.newest(&quiet).unwrap()).unwrap_err().to_string();
    assert!(lost.contains("best epoch") && lost.contains("start a new run"), "{lost}");
}

#[test]
fn a_checkpoint_that_was_about_to_be_replaced_is_put_back() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    let path = checkpoints.save(&snapshot(2, 7, None)).unwrap();
    // As a crash between the two renames leaves it.
    fs::rename(&path, root.path().join(format!("{REPLACED}{}", name_of(&path)))).unwrap();
    assert!(checkpoints.newest(&quiet).is_err(), "a reader changes nothing");
    checkpoints.recover().unwrap();
    assert_eq!(checkpoints.newest(&quiet).unwrap().position.windows, 7);
    assert!(path.is_dir());
}

#[test]
fn a_newer_format_is_refused_and_unknown_fields_of_this_one_are_not() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    let path = checkpoints.save(&snapshot(1, 0, None)).unwrap().join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap();
    let more = text.replacen('{', "{\"comment\": \"by hand\",", 1);
    fs::write(&path, &more).unwrap();
    checkpoints.newest(&quiet).unwrap();
    fs::write(&path, more.replace(&format!("\"format\": {FORMAT}"), "\"format\": 99")).unwrap();
    let error = checkpoints.newest(&quiet).unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[test]
fn a_checkpoint_of_format_1_is_read() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(root.path());
    let path = root.path().join(folder(1, 3));
    fs::create_dir(&path).unwrap();
    let layer = LinearConfig::new(2, 3).init(&Device::flex());
    let weight = layer.weight.val().into_data();
    #[derive(burn::module::Module, Debug)]
    struct Old {
        model: burn::nn::Linear,
    }
    let model = Old { model: layer }.into_record().into_bytes().unwrap();
    let progress = r#"{"epochs":1,"batches":3,"steps":8,"tally":{"targets":5,"loss":2.5,"correct":4,
        "activity":{"samples":0,"layers":[],"head":null,"footprint_bytes":0},"gradient_norms":1.5,"steps":3},
        "learning_rate":0.1,"records":2,"best_epoch":1,"seconds":2.0,"epoch_seconds":0.5}"#;
    let contents: [(&str, &[u8]); 4] = [
        (MODEL, &model),
        (OPTIMISER, b"moments"),
        ("scheduler.bpk", b""),
        (POSITION, progress.as_bytes()),
    ];
    let lines = checkpoints.architecture.0.iter();
    let lines = lines
        .enumerate()
        .map(|(k, line)| if k == 0 { line.clone() } else { format!("model.{line}") });
    let manifest = Manifest::of(&contents, &Architecture(lines.collect()));
    let mut manifest = serde_json::to_value(manifest).unwrap();
    manifest.as_object_mut().unwrap().remove("format");
    for (name, bytes) in contents {
        fs::write(path.join(name), bytes).unwrap();
    }
    fs::write(path.join(MANIFEST), manifest.to_string()).unwrap();

    let snapshot = checkpoints.newest(&quiet).unwrap();
    let position = &snapshot.position;
    assert_eq!((position.windows, position.devices, position.steps), (3, 1, 8));
    assert_eq!(
        (position.tally.mean("accuracy"), position.tally.mean_loss()),
        (Some(0.8), Some(0.5))
    );
    let restored =
        checkpoints.restore(LinearConfig::new(2, 3).init(&Device::flex()), &snapshot).unwrap();
    assert_eq!(restored.weight.val().into_data(), weight);
}
