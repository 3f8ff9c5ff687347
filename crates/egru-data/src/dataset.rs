//! What a data set is: sequences with random access.

use std::{ops::Range, sync::Arc};

use crate::{
    error::DataError,
    random::Draw,
    sample::{Sample, Spec},
};

/// A set of sequences with random access. Implement it to train on data of your own.
///
/// Items are read from several threads at once. The same arguments must give the same sample each
/// time: resumed runs rely on it.
///
/// ```
/// use std::sync::Arc;
/// use egru_data::{DataError, Draw, Inputs, Layout, Loader, LoaderConfig, Output, Sample, SequenceDataset, Spec, Target};
///
/// /// Sequences of one number, which is also the target.
/// struct Numbers(Spec);
///
/// impl SequenceDataset for Numbers {
///     fn spec(&self) -> &Spec {
///         &self.0
///     }
///     fn len(&self) -> usize {
///         10
///     }
///     fn sample(&self, index: usize, _draw: Option<Draw>) -> Result<Sample, DataError> {
///         let value = index as f32;
///         Ok(Sample { inputs: Inputs::Values(vec![value]), steps: 1, target: Target::Value(value) })
///     }
/// }
///
/// let layout = Layout::Flat { channels: 1 };
/// let spec = Spec { name: "numbers".into(), steps: 1, layout, output: Output::Value };
/// let loader = Loader::new(Arc::new(Numbers(spec)), LoaderConfig::default())?;
/// assert_eq!(loader.epoch(0, 0)?.count(), 1);
/// # Ok::<(), DataError>(())
/// ```
pub trait SequenceDataset: Send + Sync {
    /// Shapes and kind of target.
    fn spec(&self) -> &Spec;

    /// Number of items.
    fn len(&self) -> usize;

    /// Steps of item `index`; unless overridden, those of the spec.
    fn steps(&self, index: usize) -> usize {
        let _ = index;
        self.spec().steps
    }

    /// The item at `index`, which is below [`len`](Self::len). `draw` is given in training, where
    /// an augmentation may draw the item anew for each epoch; without it, the item is always the
    /// same.
    ///
    /// # Errors
    /// [`DataError::Index`] beyond the end; whatever reading the sample meets.
    fn sample(&self, index: usize, draw: Option<Draw>) -> Result<Sample, DataError>;

    /// Some steps of an item, for windows; unless overridden, cut out of the whole
    /// [`sample`](Self::sample). An augmentation must draw the same for all parts of an item.
    ///
    /// # Errors
    /// As [`sample`](Self::sample), and [`DataError::Sample`] for steps that the item does not have
    /// and for part of an item whose target is not one per step.
    fn part(
        &self,
        index: usize,
        steps: Range<usize>,
        draw: Option<Draw>,
    ) -> Result<Sample, DataError> {
        let spec = self.spec();
        self.sample(index, draw)?.cut(steps, spec.channels()).map_err(|problem| DataError::Sample {
            dataset: spec.name.clone(),
            index,
            problem,
        })
    }

    /// One long stream as `tracks` items of equal length, to be read side by side in contiguous
    /// windows: nothing is lost, and the padding at the end is not scored. `None`: the items are
    /// independent, and stay as they are.
    fn folded(self: Arc<Self>, tracks: usize) -> Option<Arc<dyn SequenceDataset>> {
        let _ = tracks;
        None
    }

    /// The recording that item `index` is cut from: items of the same number are parts of one, on which they may vote
    /// together. Unless overridden, each item is a whole recording.
    fn group(&self, index: usize) -> usize {
        index
    }

    /// Names of the classes in label order, where the set has them.
    fn class_names(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether there is no item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// [`DataError::Index`] unless `index` is one of the set's items.
pub(crate) fn check_index(dataset: &dyn SequenceDataset, index: usize) -> Result<(), DataError> {
    let len = dataset.len();
    if index < len {
        return Ok(());
    }
    Err(DataError::Index { dataset: dataset.spec().name.clone(), index, len })
}
