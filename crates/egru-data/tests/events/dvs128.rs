use std::{
    fs::{self, File},
    path::Path,
};

use egru_data::events::{
    EventError,
    dvs128::{CLASSES, Dvs128, Part, mirrored},
    slice, write,
};
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use crate::support::{aedat, event, header};

/// Two users of one recording each, and a third in a second light.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, class) in [("user01_led", 1), ("user01_lab", 2), ("user24_fluorescent_led", 3)] {
        let events: Vec<_> = (0..1000).map(|t| event(t * 10, class, (t % 128) as u16, 1)).collect();
        fs::write(folder.path().join(format!("{name}.aedat")), aedat(&events)).unwrap();
        let labels = format!(
            "class,startTime_usec,endTime_usec\n{class},0,5000\n8,5000,10001\n8,10001,20000\n"
        );
        fs::write(folder.path().join(format!("{name}_labels.csv")), labels).unwrap();
    }
    list(&folder, "trials_to_train.txt", &["user01_led", "user01_lab"]);
    list(&folder, "trials_to_test.txt", &["user24_fluorescent_led"]);
    fs::write(folder.path().join("README.txt"), "not read").unwrap();
    folder
}

fn list(folder: &TempDir, list: &str, names: &[&str]) {
    write::list(File::create(folder.path().join(list)).unwrap(), names.iter().copied()).unwrap();
}

fn pack(folder: &TempDir, gzip: bool, into: &Path) {
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all("DvsGesture", folder.path()).unwrap();
    let tar = tar.into_inner().unwrap();
    if gzip {
        let mut encoder = GzEncoder::new(File::create(into).unwrap(), Compression::fast());
        std::io::Write::write_all(&mut encoder, &tar).unwrap();
        encoder.finish().unwrap();
    } else {
        fs::write(into, tar).unwrap();
    }
}

/// (name, class and events of each gesture), sorted by name.
fn gestures(data: &Dvs128) -> Vec<(String, Vec<(u8, usize)>)> {
    let mut all = Vec::new();
    data.for_each(|recording| {
        let name = recording.trial.name.clone();
        let loaded = recording.load()?;
        let parts = slice::by_label(&loaded.events, &loaded.labels.labels)?;
        all.push((name, parts.map(|(label, part)| (label.class, part.events.len())).collect()));
        Ok::<(), EventError>(())
    })
    .unwrap();
    all.sort();
    all
}

fn problem(folder: &TempDir) -> String {
    Dvs128::open(folder.path()).expect_err("an error").to_string()
}

#[test]
fn a_folder_and_its_archive_are_read_alike() {
    let folder = folder();
    let data = Dvs128::open(folder.path()).unwrap();
    let trials: Vec<_> = data.trials().map(|t| (t.user, t.light.as_str(), t.part)).collect();
    assert_eq!(
        trials,
        [(1, "led", Part::Train), (1, "lab", Part::Train), (24, "fluorescent_led", Part::Test)]
    );
    // The third gesture lies wholly beyond the recording.
    let expected = [("user01_lab", 2), ("user01_led", 1), ("user24_fluorescent_led", 3)]
        .map(|(name, class)| (name.to_owned(), vec![(class, 500), (8, 500)]));
    assert_eq!(gestures(&data), expected);
    assert_eq!(
        data.warnings(),
        [
            "user01_led_labels.csv and 2 others: 3 gestures are of a class that came before in the same recording; all are kept"
        ]
    );

    let place = tempfile::tempdir().unwrap();
    for (gzip, name) in [(true, "DvsGesture.tar.gz"), (false, "plain.tar")] {
        let path = place.path().join(name);
        pack(&folder, gzip, &path);
        assert_eq!(gestures(&Dvs128::open(&path).unwrap()), expected);
    }
    // The archive is found by its name, and a folder too.
    assert_eq!(gestures(&Dvs128::open(place.path()).unwrap()), expected);
    fs::rename(folder.path(), place.path().join("dvs128")).unwrap();
    assert_eq!(gestures(&Dvs128::open(place.path()).unwrap()), expected);
}

#[test]
fn a_visitor_may_leave_a_recording_unread() {
    let folder = folder();
    let path = folder.path().with_extension("tar.gz");
    pack(&folder, true, &path);
    let mut first = Vec::new();
    Dvs128::open(&path)
        .unwrap()
        .for_each(|recording| {
            first.push(recording.events.next().unwrap()?.t);
            Ok::<(), EventError>(())
        })
        .unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(first, [0, 0, 0]);
}

#[test]
fn recordings_in_no_list_are_left_out_and_said() {
    let folder = folder();
    list(&folder, "trials_to_train.txt", &["user01_led"]);
    let data = Dvs128::open(folder.path()).unwrap();
    assert_eq!(data.trials().count(), 2);
    let warning = &data.warnings()[0];
    assert!(warning.starts_with("user01_lab.aedat is in neither"), "{warning}");
}

#[test]
fn what_is_missing_is_named() {
    let folder = folder();
    let remove = |name: &str| fs::remove_file(folder.path().join(name)).unwrap();
    remove("user01_lab_labels.csv");
    assert!(problem(&folder).contains("user01_lab_labels.csv of 3 listed recordings are missing"));
    remove("user01_lab.aedat");
    remove("user01_led.aedat");
    assert!(problem(&folder).contains("user01_led.aedat and 1 others"));
    remove("trials_to_test.txt");
    assert!(problem(&folder).contains("trials_to_test.txt is missing"));
    remove("trials_to_train.txt");
    assert!(problem(&folder).contains("DvsGesture.tar.gz"));
    assert!(matches!(Dvs128::open(&folder.path().join("no")), Err(EventError::Io { .. })));
}

#[test]
fn users_in_both_lists_and_odd_lists_are_refused() {
    let folder = folder();
    list(&folder, "trials_to_test.txt", &["user01_lab", "user24_fluorescent_led"]);
    assert!(
        problem(&folder).contains("user 1 is in trials_to_train.txt and in trials_to_test.txt")
    );
    for (name, said) in [
        (
            "user01_led.aedat\nuser01_led.aedat\n",
            "line 2: user01_led.aedat stands in the list twice",
        ),
        ("../user01_led.aedat\n", "is not a name such as"),
        ("user01_../x.aedat\n", "is not a name such as"),
        ("led.aedat\n", "is not a name such as"),
    ] {
        fs::write(folder.path().join("trials_to_train.txt"), name).unwrap();
        assert!(problem(&folder).contains(said), "{}", problem(&folder));
    }
    list(&folder, "trials_to_train.txt", &[]);
    list(&folder, "trials_to_test.txt", &[]);
    assert!(problem(&folder).contains("name no recording"));
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let folder = folder();
    let again = folder.path().join("again");
    fs::create_dir(&again).unwrap();
    fs::copy(folder.path().join("user01_led.aedat"), again.join("user01_led.aedat")).unwrap();
    let path = folder.path().with_extension("tar");
    pack(&folder, false, &path);
    let error = Dvs128::open(&path).err().unwrap().to_string();
    fs::remove_file(&path).unwrap();
    assert!(error.contains("user01_led.aedat: is there twice"), "{error}");
}

#[test]
fn damage_names_the_recording() {
    let folder = folder();
    let path = folder.path().join("user01_lab.aedat");
    let whole = fs::read(&path).unwrap();
    let error = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        let data = Dvs128::open(folder.path()).unwrap();
        let error = data.for_each(|recording| recording.load().map(|_| ())).unwrap_err();
        error.to_string()
    };
    let cut = error(&whole[..whole.len() - 3]);
    assert!(cut.contains("user01_lab.aedat: cut short"), "{cut}");
    let old = error(b"#!AER-DAT2.0\r\n");
    assert!(old.contains("user01_lab.aedat: this is AEDAT 2.0"), "{old}");
    let empty = error(&header());
    assert!(empty.contains("user01_lab.aedat: the recording holds no events"), "{empty}");
    let foreign = error(&aedat(&[event(1 << 40, 0, 0, 0)]));
    assert!(foreign.contains("do not belong together"), "{foreign}");
}

#[test]
fn every_truncated_archive_is_an_error() {
    let folder = folder();
    let path = folder.path().with_extension("cut.tar.gz");
    pack(&folder, true, &path);
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len() - 30).step_by(97) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(Dvs128::open(&path).is_err(), "{length} of {}", whole.len());
    }
    // Cut between listing and reading.
    fs::write(&path, &whole).unwrap();
    let data = Dvs128::open(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 3]).unwrap();
    assert!(data.for_each(|recording| recording.load().map(|_| ())).is_err());
    fs::remove_file(&path).unwrap();
}

#[test]
fn mirroring_twice_changes_nothing() {
    for class in 1..=CLASSES {
        assert_eq!(mirrored(mirrored(class)), class);
        assert!((1..=CLASSES).contains(&mirrored(class)));
    }
}
