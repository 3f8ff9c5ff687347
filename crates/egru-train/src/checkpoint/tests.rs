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
        scheduler: bytes("rate"),
        progress: Progress {
            epochs,
            batches,
            best_epoch,
            seconds: 0.1 + 0.2,
            ..Progress::default()
        },
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
    assert_eq!(&loaded.scheduler[..], &saved.scheduler[..]);
    assert_eq!(loaded.progress, saved.progress);
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
    assert_eq!(newest.progress.epochs, 4);
    assert_eq!(checkpoints.best(newest).unwrap().progress.epochs, 1);
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
    assert_eq!(checkpoints.newest(&quiet).unwrap().progress.best_epoch, Some(1));
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
        assert_eq!(loaded.progress.epochs, 1, "{damage}");
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
    assert_eq!(checkpoints.newest(&quiet).unwrap().progress.epochs, 1);
}
