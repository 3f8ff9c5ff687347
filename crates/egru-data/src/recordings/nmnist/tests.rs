use std::fs;

use flate2::{Compression, write::GzEncoder};

use super::*;
use crate::{
    Batch, Draw, Target,
    events::{Event, Polarity},
};

/// `count` recordings to train on and one to test on.
fn write(folder: &Path, count: u32) {
    let folder = folder.join(FOLDER);
    fs::create_dir_all(&folder).unwrap();
    let out = File::create(folder.join(ARCHIVE)).unwrap();
    let mut tar = tar::Builder::new(GzEncoder::new(out, Compression::fast()));
    let lines = |numbers: &[u32]| {
        let lines = numbers.iter().map(|n| format!("{n}\t{}\r\n", n % 10));
        format!("#sample #class\r\n{}", lines.collect::<String>())
    };
    let numbers: Vec<u32> = (1..=count).collect();
    for &number in numbers.iter().chain(&[60_001]) {
        let events: Vec<Event> = (0..30 + i64::from(number % 3))
            .map(|t| Event::new(t * 1_000, (number % 34) as u16, 3, Polarity::On))
            .collect();
        let mut bytes = Vec::new();
        bs2::write(&events, &mut bytes).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{number}.bs2"), &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    fs::write(folder.join(LISTS[0]), lines(&numbers)).unwrap();
    fs::write(folder.join(LISTS[1]), lines(&[60_001])).unwrap();
}

#[test]
fn recordings_are_frames_with_their_own_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let (root, cache) = (folder.path().join("data"), folder.path().join("cache"));
    write(&root, 20);
    let config = NmnistConfig::default();
    let load = |config: &NmnistConfig, seed| config.load_to(&cache, Some(&root), seed);
    let splits = load(&config, 1).unwrap();
    let sizes = [&splits.train, &splits.valid, &splits.test].map(|set| set.len());
    assert_eq!(sizes, [16, 4, 1]);
    assert_eq!(splits.provenance.len(), 3);
    let spec = splits.train.spec();
    assert_eq!(spec.to_string(), "nmnist: 4 frames of 2 x 34 x 34 -> one of 10 classes");
    let batch = Batch::collate(splits.train.as_ref(), &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    assert!(batch.lengths.is_some_and(|lengths| lengths.contains(&3) && lengths.contains(&4)));
    // 10 events of one pixel in the first frame of the polarity that comes second.
    let sample = splits.test.sample(0, None).unwrap();
    assert_eq!(sample.target, Target::Class(1));
    let pixel = 34 * 34 + 3 * 34 + 60_001 % 34;
    assert_eq!(sample.inputs.values().unwrap()[pixel], 10_f32.ln_1p());

    let counts = NmnistConfig { normalise: Normalise::Counts, ..config.clone() };
    let sample = load(&counts, 1).unwrap().test.sample(0, None).unwrap();
    assert_eq!(sample.inputs.values().unwrap().iter().sum::<f32>(), 31.0);
    // Another seed holds out others; nothing is cut again for it or for other frames.
    let groups = |set: &Arc<dyn SequenceDataset>| -> Vec<usize> {
        (0..set.len()).map(|index| set.group(index)).collect()
    };
    assert_ne!(groups(&load(&config, 2).unwrap().valid), groups(&splits.valid));
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
}

#[test]
fn augmentation_is_drawn_anew_for_an_epoch_and_only_in_training() {
    let folder = tempfile::tempdir().unwrap();
    let (root, cache) = (folder.path().join("data"), folder.path().join("cache"));
    write(&root, 5);
    let augment = EventAugment { drop_events: 0.9, ..EventAugment::default() };
    let config = NmnistConfig { augment, ..NmnistConfig::default() };
    let set = config.load_to(&cache, Some(&root), 1).unwrap().train;
    let drawn = |epoch| set.sample(0, Some(Draw { seed: 1, epoch })).unwrap();
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1).inputs, drawn(2).inputs);
    assert_ne!(set.sample(0, None).unwrap().inputs, drawn(1).inputs);
    assert_eq!(drawn(1).steps, set.steps(0));

    let flipped = EventAugment { flip_horizontal: 0.5, ..EventAugment::default() };
    let refused = NmnistConfig { augment: flipped, ..NmnistConfig::default() };
    let error = refused.load_to(&cache, Some(&root), 1).unwrap_err();
    assert!(error.to_string().contains("mirror"), "{error}");
    let frames = FrameConfig { window: 0, ..config.frames };
    let refused = NmnistConfig { frames, ..config.clone() }.load_to(&cache, Some(&root), 1);
    assert!(refused.unwrap_err().to_string().contains("data.frames = { window = 0 }"));
}

#[test]
fn what_does_not_go_together_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let load = |root: Option<&Path>| NmnistConfig::default().load_to(&cache, root, 1);
    let error = load(None).unwrap_err().to_string();
    assert!(error.contains("no data folder") && error.contains("NMNISTsmall"), "{error}");
    let root = folder.path().join("data");
    let error = load(Some(&root)).unwrap_err().to_string();
    assert!(error.contains("Looked for") && error.contains(ARCHIVE), "{error}");
    write(&root, 5);
    let list = root.join(FOLDER).join(LISTS[0]);
    for (text, part) in [
        ("1 1\n2 2\n77 3\n", "77.bs2"),
        ("1 1\n1 1\n", "line 2: recording 1 is listed twice"),
        ("1 11\n", "class 11"),
        ("one\n", "`one`"),
    ] {
        fs::write(&list, text).unwrap();
        let error = load(Some(&root)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
