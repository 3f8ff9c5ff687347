//! What must be the same for a run to go on, and what may be changed.
//!
//! | keys | may be changed |
//! |---|---|
//! | `description`, `training.epochs`, `training.patience`, `training.checkpoint_every`, `training.eval_batch_size` | at any time |
//! | `training.clip_norm`, `optimiser.*` but `type`, `schedule.*`, `regularise.*`, `execution.*` | at any time |
//! | `training.batch_size`, `training.accumulate` | between epochs |
//! | everything else: `name`, `seed`, `data`, `task`, `sampling`, `model`, `optimiser.type` | never |
//!
//! The learning rate is a function of the position in the run as it is now planned: more epochs under a cosine make it jump to
//! where the longer cosine stands. What was changed is written into `environment.json`.

use egru::Cell;

use crate::checkpoint::{Position, Snapshot};
use crate::environment::{self, Change};
use crate::opened::Opened;
use crate::recipe::{Recipe, differences};
use crate::run_dir::RunDir;
use crate::{TrainError, TrainOptions};

/// Tables and keys that may be changed at any time.
const FREE: &[&str] = &[
    "description",
    "training.epochs",
    "training.patience",
    "training.checkpoint_every",
    "training.eval_batch_size",
    "training.clip_norm",
    "optimiser.",
    "schedule.",
    "regularise.",
    "execution.",
];

/// Keys that may be changed between epochs.
const BETWEEN_EPOCHS: &[&str] = &["training.batch_size", "training.accumulate"];

/// Keys that may never be changed, though their table may.
const FIXED: &[&str] = &["optimiser.type"];

/// Compares what the run goes on with to what it was: data, machine and recipe. Returns what was changed in the recipe.
///
/// # Errors
/// Other data, or a key that cannot be changed here.
pub(crate) fn check<C: Cell>(
    opened: &Opened<C>,
    run: &RunDir,
    snapshot: &Snapshot,
) -> Result<Vec<Change>, TrainError> {
    let Opened { recipe, options, splits, .. } = opened;
    environment::check_data(run, options, &splits.provenance)?;
    environment::compare_machine(run, options)?;
    let position = &snapshot.position;
    let devices = options.devices().len();
    if position.devices != devices {
        options.notice(other_devices(position, devices, recipe));
    }
    // Checkpoints of format 1 hold no recipe: there is nothing to compare with.
    let Some(before) = &snapshot.recipe else { return Ok(Vec::new()) };
    let before = (opened.modern)(&Recipe::from_toml(before)?)?;
    changes(&before, recipe, position.windows > 0, options)
}

fn changes(
    before: &Recipe,
    now: &Recipe,
    in_an_epoch: bool,
    options: &TrainOptions,
) -> Result<Vec<Change>, TrainError> {
    let mut changes = Vec::new();
    for (key, was, now) in differences(before, now)? {
        let is = |list: &[&str]| {
            list.iter().any(|known| *known == key || known.ends_with('.') && key.starts_with(known))
        };
        let reason = match (is(FIXED), is(FREE), is(BETWEEN_EPOCHS)) {
            (false, true, _) => None,
            (false, false, true) if !in_an_epoch => None,
            (false, false, true) => Some(
                "the epoch is not finished, and its batches are counted in the former size; let the epoch end first, \
                 or set it back",
            ),
            _ => Some("a run keeps it from its beginning; set it back, or start a new run"),
        };
        if let Some(reason) = reason {
            return Err(TrainError::ChangedRecipe { key, was, now, reason });
        }
        options.notice(format!("{key} was {was} so far and is {now} from here on"));
        changes.push(Change { key, was, now });
    }
    Ok(changes)
}

fn other_devices(position: &Position, now: usize, recipe: &Recipe) -> String {
    let accumulate = recipe.training.accumulate;
    format!(
        "the run had {} devices so far and has {now} now: a training step takes {} batches instead of {}, so \
         that the result is not that of a run with either number throughout; the schedule of the \
         learning rate goes on from the same point of the epoch",
        position.devices,
        now * accumulate,
        position.devices * accumulate,
    )
}
