//! Gathering samples into a time-first batch, padded to the longest of them.

use crate::{
    dataset::SequenceDataset,
    error::DataError,
    random::Draw,
    sample::{Inputs, Layout, Output, Sample, Spec, Target},
    sampler::Window,
};

/// Several sequences side by side, whole or some of their steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Row-major `[steps, batch, channels]` values or `[steps, batch]` tokens, zero past the end
    /// of a shorter sequence.
    pub inputs: Inputs,
    /// Steps of the longest sequence in the batch (T).
    pub steps: usize,
    /// Number of sequences (B).
    pub batch: usize,
    /// Numbers per step (C); 1 for tokens.
    pub channels: usize,
    /// Steps of each sequence `[batch]`; `None` when all have `steps`.
    pub lengths: Option<Vec<usize>>,
    /// What to predict.
    pub targets: BatchTargets,
    /// Index of each sequence in its data set `[batch]`.
    pub indices: Vec<usize>,
    /// Step of the sequences that this batch starts with; 0 unless it is a later window.
    pub start: usize,
    /// Whether the network's state goes on from the batch before, which has the same sequences.
    pub carries: bool,
    /// Factor on the learning rate: 1 unless window lengths are random.
    pub rate: f64,
}

/// The targets of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchTargets {
    /// One label per sequence `[batch]`.
    Classes(Vec<usize>),
    /// One number per sequence `[batch]`.
    Values(Vec<f32>),
    /// A label per step, row-major `[steps, batch]`, `None` where not scored (padding included).
    PerStep(Vec<Option<usize>>),
}

impl Batch {
    /// Reads the samples at `indices` as they are in evaluation, whole, and lays them side by side.
    ///
    /// # Errors
    /// As [`of_window`](Self::of_window).
    ///
    /// ```
    /// use egru_data::{Batch, DatasetConfig, adding::AddingConfig};
    /// let splits = AddingConfig { length: 10, ..Default::default() }.load(None, 7)?;
    /// let batch = Batch::collate(splits.train.as_ref(), &[0, 3, 5])?;
    /// assert_eq!(batch.inputs.len(), 10 * 3 * 2);
    /// # Ok::<(), egru_data::DataError>(())
    /// ```
    pub fn collate(dataset: &dyn SequenceDataset, indices: &[usize]) -> Result<Self, DataError> {
        Self::of_window(dataset, &Window::whole(indices.to_vec()), None)
    }

    /// Reads the items of a window, or their steps that it names, and lays them side by side.
    ///
    /// # Errors
    /// [`DataError::Empty`] without items, [`DataError::Sample`] where a sample contradicts the
    /// set's [`Spec`], and whatever reading a sample meets.
    pub fn of_window(
        dataset: &dyn SequenceDataset,
        window: &Window,
        draw: Option<Draw>,
    ) -> Result<Self, DataError> {
        let spec = dataset.spec();
        let read = |&index: &usize| {
            let sample = match &window.steps {
                None => dataset.sample(index, draw)?,
                Some(steps) => dataset.part(index, steps.clone(), draw)?,
            };
            let asked = window.steps.as_ref().map(ExactSizeIterator::len);
            check(spec, &sample, asked).map_err(|problem| DataError::Sample {
                dataset: spec.name.clone(),
                index,
                problem,
            })?;
            Ok(sample)
        };
        let samples = window.items.iter().map(read).collect::<Result<Vec<_>, DataError>>()?;
        let Some(steps) = samples.iter().map(|sample| sample.steps).max() else {
            return Err(DataError::Empty { dataset: spec.name.clone() });
        };
        let uneven = samples.iter().any(|sample| sample.steps != steps);
        Ok(Self {
            inputs: inputs(spec, &samples, steps),
            steps,
            batch: samples.len(),
            channels: spec.channels(),
            lengths: uneven.then(|| samples.iter().map(|sample| sample.steps).collect()),
            targets: targets(spec.output, samples, steps),
            indices: window.items.clone(),
            start: window.steps.as_ref().map_or(0, |steps| steps.start),
            carries: window.carries,
            rate: window.rate,
        })
    }
}

/// The samples have passed [`check`], so that each holds what the layout says.
fn inputs(spec: &Spec, samples: &[Sample], steps: usize) -> Inputs {
    match spec.layout {
        Layout::Tokens { .. } => {
            let tokens = samples.iter().map(|sample| sample.inputs.tokens().unwrap_or_default());
            Inputs::Tokens(side_by_side(tokens, steps, 1))
        }
        Layout::Flat { .. } | Layout::Picture { .. } | Layout::Frames { .. } => {
            let values = samples.iter().map(|sample| sample.inputs.values().unwrap_or_default());
            Inputs::Values(side_by_side(values, steps, spec.channels()))
        }
    }
}

/// `[steps, channels]` of each sequence to `[steps, batch, channels]`, zero past the end.
fn side_by_side<'a, E: Copy + Default + 'a>(
    sequences: impl ExactSizeIterator<Item = &'a [E]>,
    steps: usize,
    channels: usize,
) -> Vec<E> {
    let batch = sequences.len();
    let mut all = vec![E::default(); steps * batch * channels];
    for (b, sequence) in sequences.enumerate() {
        for (t, step) in sequence.chunks_exact(channels).enumerate() {
            let start = (t * batch + b) * channels;
            all[start..start + channels].copy_from_slice(step);
        }
    }
    all
}

/// The samples have passed [`check`], so that each target is of the kind `output` names.
fn targets(output: Output, samples: Vec<Sample>, steps: usize) -> BatchTargets {
    let batch = samples.len();
    let targets = samples.into_iter().map(|sample| sample.target);
    match output {
        Output::Class { .. } => BatchTargets::Classes(
            targets
                .filter_map(|target| match target {
                    Target::Class(class) => Some(class),
                    _ => None,
                })
                .collect(),
        ),
        Output::Value => BatchTargets::Values(
            targets
                .filter_map(|target| match target {
                    Target::Value(value) => Some(value),
                    _ => None,
                })
                .collect(),
        ),
        Output::PerStep { .. } => {
            let mut labels = vec![None; steps * batch];
            for (b, target) in targets.enumerate() {
                if let Target::Classes(classes) = target {
                    for (t, class) in classes.into_iter().enumerate() {
                        labels[t * batch + b] = class;
                    }
                }
            }
            BatchTargets::PerStep(labels)
        }
    }
}

/// Says how a sample contradicts its set's spec or the number of steps asked for, if it does.
fn check(spec: &Spec, sample: &Sample, asked: Option<usize>) -> Result<(), String> {
    let Sample { inputs, steps, target } = sample;
    match asked {
        Some(asked) if *steps != asked => {
            return Err(format!("{steps} steps, where {asked} were asked for"));
        }
        _ if *steps == 0 || *steps > spec.steps => {
            return Err(format!("{steps} steps, where the spec allows 1 to {}", spec.steps));
        }
        _ => {}
    }
    let channels = spec.channels();
    if channels == 0 || inputs.len() != steps * channels {
        return Err(format!(
            "{} input values, where {steps} steps x {channels} channels are needed",
            inputs.len()
        ));
    }
    match (spec.layout, inputs) {
        (Layout::Tokens { vocabulary }, Inputs::Tokens(tokens)) => {
            if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
                return Err(format!("token {token}, where the spec has {vocabulary}"));
            }
        }
        (Layout::Tokens { .. }, Inputs::Values(_)) => {
            return Err("values, where the spec says tokens".to_owned());
        }
        (_, Inputs::Tokens(_)) => return Err("tokens, where the spec says values".to_owned()),
        (_, Inputs::Values(_)) => {}
    }
    let in_range = |class: &usize, classes: usize| {
        if *class < classes {
            return Ok(());
        }
        Err(format!("label {class}, where the spec has {classes} classes"))
    };
    match (spec.output, target) {
        (Output::Class { classes }, Target::Class(class)) => in_range(class, classes),
        (Output::Value, Target::Value(_)) => Ok(()),
        (Output::PerStep { classes }, Target::Classes(labels)) => {
            if labels.len() != *steps {
                return Err(format!("{} step labels for {steps} steps", labels.len()));
            }
            labels.iter().flatten().try_for_each(|class| in_range(class, classes))
        }
        (output, target) => Err(format!("target {target:?}, where the spec says {output:?}")),
    }
}
