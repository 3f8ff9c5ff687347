//! Checkpoints of format 1, from before tasks: what they say in another way.
//!
//! Their parameters were those of a wrapper with the network in its field `model`; their sums named accuracy; a scheduler had
//! a record, which is not needed.

use burn::module::{Module, ModuleDisplay};
use burn::store::{ModuleRecord, RecordError};
use serde_json::Value;

use super::manifest::Architecture;
use super::position::Position;

/// The parameters by their paths in the network itself.
pub(super) fn architecture(Architecture(lines): Architecture) -> Architecture {
    let bare = |line: String| line.strip_prefix("model.").map(str::to_owned).unwrap_or(line);
    Architecture(lines.into_iter().map(bare).collect())
}

/// The position, in today's terms.
pub(super) fn position(mut stored: Value) -> serde_json::Result<Position> {
    if let Some(position) = stored.as_object_mut() {
        rename(position, "batches", "windows");
        // From before there could be several devices.
        position.entry("devices").or_insert_with(|| 1.into());
        if let Some(tally) = position.get_mut("tally").and_then(Value::as_object_mut) {
            rename(tally, "targets", "weight");
            let right = tally.remove("correct").filter(Value::is_number);
            let sums = right.into_iter().map(|right| ("accuracy".to_owned(), right)).collect();
            tally.insert("sums".to_owned(), Value::Object(sums));
        }
    }
    serde_json::from_value(stored)
}

fn rename(object: &mut serde_json::Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = object.remove(from) {
        object.insert(to.to_owned(), value);
    }
}

/// The network as it was wrapped, so that the record's paths fit.
#[derive(Module, Debug)]
struct Wrapped<M: Module + ModuleDisplay> {
    model: M,
}

/// `module` with the parameters of a record.
pub(super) fn restore<M: Module + ModuleDisplay>(
    module: M,
    record: ModuleRecord,
) -> Result<M, RecordError> {
    Ok(Wrapped { model: module }.try_load_record(record)?.model)
}
