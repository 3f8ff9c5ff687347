//! The part that all generated tasks share: sample `i` of a split is a function of the seed, the
//! split and `i`.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use crate::{
    dataset::{SequenceDataset, check_index},
    error::DataError,
    random::{Draw, stream},
    sample::{Sample, Spec, Split},
    splits::Splits,
};

/// A source of random samples.
pub(crate) trait Generator: Send + Sync + 'static {
    /// Keeps the random streams of different tasks apart.
    const PURPOSE: &'static [u8; 8];

    /// Shapes of the samples.
    fn spec(&self) -> Spec;

    /// Draws a sample that [`spec`](Self::spec) describes.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Sample;

    /// Names of the classes, where they have any.
    fn class_names(&self) -> Option<Vec<String>> {
        None
    }
}

/// The three splits of a generated task, with `[train, valid, test]` samples.
///
/// # Errors
/// [`DataError::Empty`] if a split has no sample.
pub(crate) fn splits<G: Generator>(
    generator: G,
    [train, valid, test]: [usize; 3],
    seed: u64,
) -> Result<Splits, DataError> {
    let generator = Arc::new(generator);
    let split = |split, len| -> Result<Arc<dyn SequenceDataset>, DataError> {
        let spec = generator.spec();
        if len == 0 {
            return Err(DataError::Empty { dataset: format!("{} ({split:?})", spec.name) });
        }
        Ok(Arc::new(Generated { generator: generator.clone(), spec, len, seed, split }))
    };
    Ok(Splits {
        train: split(Split::Train, train)?,
        valid: split(Split::Valid, valid)?,
        test: split(Split::Test, test)?,
        provenance: Vec::new(),
        warnings: Vec::new(),
    })
}

struct Generated<G> {
    generator: Arc<G>,
    spec: Spec,
    len: usize,
    seed: u64,
    split: Split,
}

impl<G: Generator> SequenceDataset for Generated<G> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn len(&self) -> usize {
        self.len
    }

    fn sample(&self, index: usize, _draw: Option<Draw>) -> Result<Sample, DataError> {
        check_index(self, index)?;
        let mut rng = stream(G::PURPOSE, self.seed, self.split as u64, index as u64);
        Ok(self.generator.draw(&mut rng))
    }

    fn class_names(&self) -> Option<Vec<String>> {
        self.generator.class_names()
    }
}

/// For a setting that must lie in a range: [`DataError::Config`] unless `ok`.
pub(crate) fn require(
    ok: bool,
    field: &'static str,
    value: impl ToString,
    problem: &str,
) -> Result<(), DataError> {
    if ok {
        return Ok(());
    }
    Err(DataError::Config { field, value: value.to_string(), problem: problem.to_owned() })
}
