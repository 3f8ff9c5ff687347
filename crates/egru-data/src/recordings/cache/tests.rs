use super::*;
use crate::events::Polarity;

const SENSOR: Sensor = Sensor { width: 8, height: 8 };

fn build(folder: &Path, key: &str, times: &[i64]) -> (SliceCache, bool) {
    let mut built = false;
    let cache = open_or_build(folder, "test", key, SENSOR, |writer| {
        built = true;
        for (group, &t) in (0..).zip(times) {
            let of = SliceOf { group, class: group % 3, user: 1, part: 0 };
            writer.add(of, 100..300, &[Event::new(t, 1, 2, Polarity::On)])?;
        }
        writer.note("first".into());
        writer.note("second".into());
        Ok(())
    });
    (cache.unwrap(), built)
}

#[test]
fn what_was_built_is_read_until_its_key_changes_or_a_byte_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, built) = build(folder.path(), "a", &[100, 250]);
    assert!(built);
    assert_eq!(cache.notes(), ["first", "second"]);
    assert_eq!(cache.infos()[1].duration, 200);
    assert_eq!(cache.read(1).unwrap(), [Event::new(150, 1, 2, Polarity::On)]);
    assert!(!build(folder.path(), "a", &[]).1);
    assert!(build(folder.path(), "b", &[120]).1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);

    let path = cache.path.clone();
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(5) {
        let mut broken = whole.clone();
        broken[at] ^= 0x11;
        fs::write(&path, &broken).unwrap();
        let (again, built) = build(folder.path(), "a", &[100, 250]);
        assert!(built, "byte {at}");
        assert_eq!(again.read(0).unwrap().len(), 1);
    }
    for length in (0..whole.len()).step_by(17) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(build(folder.path(), "a", &[100, 250]).1, "{length} bytes");
    }
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn a_folder_that_vanishes_does_no_harm_to_who_reads_and_one_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("cache");
    let (cache, _) = build(&inner, "a", &[100]);
    fs::remove_dir_all(&inner).unwrap();
    if cfg!(unix) {
        assert_eq!(cache.read(0).unwrap().len(), 1);
    }
    fs::write(&inner, "a file").unwrap();
    let error = open_or_build(&inner, "test", "a", SENSOR, |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("EGRU_CACHE"), "{error}");
}

#[test]
fn two_builders_at_once_agree_and_one_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(build(folder.path(), "a", &[100, 200]).0.infos().len(), 2));
        }
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let failed = open_or_build(folder.path(), "test", "c", SENSOR, |_| {
        Err(DataError::Empty { dataset: "test".into() })
    });
    assert!(matches!(failed, Err(DataError::Empty { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
