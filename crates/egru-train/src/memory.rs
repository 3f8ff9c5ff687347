//! What a run needs of memory, estimated before anything of its size is made, beside what the machine has.
//!
//! With `P` parameters, `B` samples a batch, `T` steps, `C` numbers a step, `N` training sequences, and 4 bytes a number:
//!
//! | part | numbers |
//! |---|---|
//! | parameters, gradients, optimiser | `P`, `P`, `2 P` (Adam's moments); of a layer of `H` units that reads `C`, `P = G H (C + H)` and what it has per unit |
//! | input | `(2 + 3) B T C`: the batch at work, on its device too, and those that are prepared meanwhile |
//! | layers | `B T H` for each series of [`Cell::tape`]; what a layer above the first reads back, twice `B T H` of the layer below |
//! | encoder | `4 B T E` of an embedding, three numbers per value of a convolution's pictures and `4 B T F` of its features |
//! | outputs | `4 N K`, where `N` logits of `K` are scored: `B`, or `B T` with a target per step |
//! | order | `2 N`, of 8 bytes |
//!
//! An evaluation needs the same without gradients, moments and tape. The sum is what is alive at once at most; it leaves out
//! the program itself (some 50 MB) and the scratch memory of threads.

mod machine;

use burn::module::Module as _;
use burn::tensor::Device;
use egru::{Cell, CellSize, EncoderConfig, Keep, Layer, Readout};
use egru_bench::is_processor;
use egru_data::{Layout, SamplerConfig, Spec, Splits};

use crate::recipe::{Recipe, read_table};
use crate::{TrainError, TrainOptions};

use machine::Memory;

const BYTES: f64 = 4.0;
/// No device has more than this.
const LARGEST: f64 = (1_u64 << 46) as f64;
/// An estimate this many times over what the machine has is beyond doubt.
const BEYOND_DOUBT: f64 = 2.0;

/// Bytes that training needs, by what needs them, with the keys that lower it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Estimate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    name: &'static str,
    bytes: f64,
    lowered_by: &'static str,
}

impl Estimate {
    /// The estimate for a resolved recipe on these data, whose network has these many outputs.
    ///
    /// # Errors
    /// The cell's keys are refused.
    pub(crate) fn of<C: Cell>(
        recipe: &Recipe,
        splits: &Splits,
        outputs: usize,
        options: &TrainOptions,
    ) -> Result<Self, TrainError> {
        let spec = splits.train.spec();
        // A layer of few units tells what there is per unit.
        let few = smallest::<C>(recipe, &options.device)?;
        let CellSize { input, hidden, gates } = few.cell.size();
        let (input, units, gates) = (input as f64, hidden as f64, gates as f64);
        let per_unit = few.num_params() as f64 / units - gates * (input + units);
        let steps = steps(recipe, spec) as f64;
        // A stream is folded into as many tracks as a batch has.
        let samples = match recipe.sampling {
            SamplerConfig::Contiguous { .. } => recipe.training.batch_size,
            _ => recipe.training.batch_size.min(splits.train.len()),
        } as f64;
        let (encoder, encoded) = encoder(recipe, spec);
        let (mut parameters, mut layers) = (encoder.parameters, 0.0);
        let mut below = encoded;
        let last = recipe.model.layers.len() - 1;
        for (index, &hidden) in recipe.model.layers.iter().enumerate() {
            let hidden = hidden as f64;
            let reader = if index == last { recipe.model.readout } else { Readout::PerStep };
            let keep = kept(recipe, reader.keep(true));
            parameters += gates * hidden * (below + hidden) + per_unit.max(0.0) * hidden;
            layers += hidden * few.cell.tape(recipe.execution, keep) as f64;
            layers += if index > 0 { 2.0 * below } else { 0.0 };
            below = hidden;
        }
        let outputs = outputs as f64;
        if recipe.model.head == egru::HeadKind::Linear {
            parameters += below * outputs;
        }
        let scored = if recipe.model.readout == Readout::PerStep { steps } else { 1.0 };
        let part =
            |name, numbers: f64, lowered_by| Part { name, bytes: BYTES * numbers, lowered_by };
        let batch = samples * steps;
        let sizes = "model.layers";
        let parts = vec![
            part("parameters, gradients and optimiser", 4.0 * parameters, sizes),
            part(
                "input",
                5.0 * batch * spec.channels() as f64,
                "training.batch_size or the length of the sequences",
            ),
            part("encoder", batch * encoder.per_step, "training.batch_size"),
            part(
                "states and events for the way back",
                batch * layers,
                "training.batch_size, model.layers or the length of the sequences",
            ),
            part("outputs", 4.0 * samples * scored * outputs, "training.batch_size"),
            part("order of the samples", 4.0 * splits.train.len() as f64, "the number of samples"),
        ];
        Ok(Self { parts })
    }

    fn total(&self) -> f64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    fn largest(&self) -> &Part {
        self.parts.iter().max_by(|a, b| a.bytes.total_cmp(&b.bytes)).expect("there are parts")
    }

    /// Refuses what the machine cannot hold; tells of what it may not hold.
    ///
    /// # Errors
    /// [`TrainError::Memory`].
    pub(crate) fn check(&self, options: &TrainOptions) -> Result<(), TrainError> {
        let memory = options.devices().iter().all(is_processor).then(Memory::here).flatten();
        self.compare(memory, &|text| options.notice(text))
    }

    fn compare(&self, memory: Option<Memory>, notice: &dyn Fn(String)) -> Result<(), TrainError> {
        let (needs, largest) = (self.total(), self.largest());
        let (total, free) = match memory {
            Some(memory) => (memory.total as f64, memory.free as f64),
            None => (LARGEST, LARGEST),
        };
        if needs > BEYOND_DOUBT * total {
            return Err(TrainError::Memory {
                needs: shown(needs),
                has: shown(total),
                most: format!("{} for {}", shown(largest.bytes), largest.name),
                lowered_by: largest.lowered_by,
            });
        }
        if needs > free {
            notice(format!(
                "a training step is estimated to need {} of memory, and {} are free: the system may end the program. {} of it \
                 are for {}: {} lowers it",
                shown(needs),
                shown(free),
                shown(largest.bytes),
                largest.name,
                largest.lowered_by,
            ));
        }
        Ok(())
    }
}

/// A layer of a recipe's cell that costs nothing: the smallest that the cell makes.
///
/// # Errors
/// The cell's keys are refused, or it makes no small layer at all.
pub(crate) fn smallest<C: Cell>(recipe: &Recipe, device: &Device) -> Result<Layer<C>, TrainError> {
    let config = read_table::<C::Config>(recipe.model.cell.config.clone(), "model.cell.")?;
    let layer = |units| Layer::<C>::init(&config, 1, units, device);
    // A cell may want an even number of units, or one that its heads divide.
    let larger = || (1..=6).find_map(|power| layer(1 << power).ok());
    Ok(layer(1).or_else(|error| larger().ok_or(error))?)
}

/// The longest that a sequence is in training.
fn steps(recipe: &Recipe, spec: &Spec) -> usize {
    match recipe.sampling {
        // Random lengths reach beyond the window by a few deviations.
        SamplerConfig::Contiguous { window, jitter } => {
            spec.steps.min(window.saturating_add(if jitter { 20 } else { 0 }))
        }
        SamplerConfig::Shuffled | SamplerConfig::InOrder => spec.steps,
    }
}

/// The series that training keeps of a layer with such a reader.
fn kept(recipe: &Recipe, reader: Keep) -> Keep {
    Keep {
        window: true,
        o: reader.o || recipe.regularise.activity.weight > 0.0,
        c: reader.c || recipe.regularise.state.weight > 0.0,
        trace: reader.trace,
    }
}

struct Encoder {
    parameters: f64,
    /// Numbers per sample and step.
    per_step: f64,
}

/// What an encoder needs, and the numbers per step that it gives.
fn encoder(recipe: &Recipe, spec: &Spec) -> (Encoder, f64) {
    match (&recipe.model.encoder, spec.layout) {
        (EncoderConfig::Embedding { size, .. }, Layout::Tokens { vocabulary }) => {
            let size = *size as f64;
            (Encoder { parameters: vocabulary as f64 * size, per_step: 4.0 * size }, size)
        }
        (EncoderConfig::Conv(config), Layout::Frames { polarities, rows, columns }) => {
            let (mut channels, mut rows, mut columns) =
                (polarities as f64, rows as f64, columns as f64);
            let (mut parameters, mut per_step) = (0.0, 0.0);
            for block in &config.blocks {
                let size = |from: f64, kernel: usize, stride: usize, padding: usize| {
                    ((from + 2.0 * padding as f64 - kernel as f64) / stride.max(1) as f64 + 1.0)
                        .floor()
                        .max(0.0)
                };
                let made = block.channels as f64;
                parameters += channels * made * (block.kernel * block.kernel) as f64;
                rows = size(rows, block.kernel, block.stride, block.padding);
                columns = size(columns, block.kernel, block.stride, block.padding);
                // The convolution, its rectified values, and the gradient of one of them.
                per_step += 3.0 * made * rows * columns;
                if block.pool > 1 {
                    rows = size(rows, block.pool, block.pool_stride, 0);
                    columns = size(columns, block.pool, block.pool_stride, 0);
                    per_step += 2.0 * made * rows * columns;
                }
                channels = made;
            }
            let features = config.features as f64;
            parameters += channels * rows * columns * features;
            (Encoder { parameters, per_step: per_step + 4.0 * features }, features)
        }
        _ => (Encoder { parameters: 0.0, per_step: 0.0 }, spec.channels() as f64),
    }
}

/// Bytes for people.
fn shown(bytes: f64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
    let power = ((bytes.max(1.0).log10() / 3.0) as usize).min(units.len() - 1);
    let value = bytes / 1000_f64.powi(power as i32);
    let decimals = usize::from(power > 0 && value < 100.0);
    format!("{value:.decimals$} {}", units[power])
}

#[cfg(test)]
mod tests;
