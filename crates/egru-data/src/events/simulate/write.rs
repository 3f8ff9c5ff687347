//! Simulated recordings in the layout of DVS128 Gesture.

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::Path,
};

use super::recording::Simulation;
use crate::events::{
    EventError,
    dvs128::{Part, TEST_LIST, TRAIN_LIST},
    write::{self, AedatWriter},
};

/// Writes every recording of `simulation` to `folder`, which is made: AEDAT 3.1, labels and the two lists. `done` is told each
/// recording's name and events. No file that is there is replaced: the names are those of the published recordings.
///
/// # Errors
/// [`EventError::Setting`], [`EventError::Write`], [`EventError::Io`] also for a file that is there already, before any is
/// written.
pub fn write_dvs128(
    folder: &Path,
    simulation: &Simulation,
    done: &mut dyn FnMut(&str, u64),
) -> Result<(), EventError> {
    simulation.check()?;
    fs::create_dir_all(folder).map_err(EventError::io("create", folder))?;
    let create = |name: String| {
        let path = folder.join(name);
        File::create(&path).map_err(EventError::io("create", path))
    };
    let trials = simulation.trials();
    let names =
        trials.iter().flat_map(|trial| [trial.file(), format!("{}_labels.csv", trial.name)]);
    for name in names.chain([TRAIN_LIST.to_owned(), TEST_LIST.to_owned()]) {
        let path = folder.join(name);
        if path.exists() {
            return Err(EventError::io("create", path)(io::ErrorKind::AlreadyExists.into()));
        }
    }
    for trial in &trials {
        let mut recording = simulation.record(trial)?;
        write::labels(create(format!("{}_labels.csv", trial.name))?, recording.labels())?;
        let out = BufWriter::new(create(trial.file())?);
        let mut writer = AedatWriter::new(out, "simulated camera")?;
        let (mut events, mut count) = (Vec::new(), 0);
        while recording.step(&mut events) {
            count += events.len() as u64;
            writer.write(&events)?;
            events.clear();
        }
        writer.finish()?;
        done(&trial.name, count);
    }
    for (list, part) in [(TRAIN_LIST, Part::Train), (TEST_LIST, Part::Test)] {
        let named = trials.iter().filter(|trial| trial.part == part);
        write::list(create(list.to_owned())?, named.map(|trial| trial.name.as_str()))?;
    }
    Ok(())
}
