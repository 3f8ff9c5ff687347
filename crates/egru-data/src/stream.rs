//! One long stream of tokens in memory, of which each is predicted from those before.

use std::{ops::Range, sync::Arc};

use crate::{
    dataset::{SequenceDataset, check_index},
    error::DataError,
    random::Draw,
    sample::{Inputs, Layout, Output, Sample, Spec, Target},
};

/// A stream of tokens: a text, or anything else with a vocabulary. The target of each step is the
/// token that follows.
///
/// It is one item as it stands. [Folded](SequenceDataset::folded), it is several tracks of equal
/// length to be read side by side in contiguous windows; each token but the first is a target
/// exactly once, whatever the number of tracks.
///
/// ```
/// use std::sync::Arc;
/// use egru_data::{BatchTargets, Inputs, Loader, LoaderConfig, SamplerConfig, stream::TokenStream};
/// let stream = TokenStream::new("digits", (0..10).collect(), 10)?;
/// let sampler = Arc::new(SamplerConfig::Contiguous { window: 4, jitter: false });
/// let config = LoaderConfig { batch_size: 2, sampler, ..Default::default() };
/// let loader = Loader::new(Arc::new(stream), config)?;
/// let batches = loader.epoch(0, 0)?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches[0].inputs, Inputs::Tokens(vec![0, 5, 1, 6, 2, 7, 3, 8])); // [steps, batch]
/// assert_eq!(batches[1].targets, BatchTargets::PerStep(vec![Some(5), None])); // padding
/// # Ok::<(), egru_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TokenStream {
    spec: Spec,
    tokens: Arc<[u32]>,
    vocabulary: usize,
    words: Option<Arc<[String]>>,
    tracks: usize,
}

impl TokenStream {
    /// A stream of at least two tokens below `vocabulary`.
    ///
    /// # Errors
    /// [`DataError::Tokens`] says which token is too large, or that there are too few.
    pub fn new(
        name: impl Into<String>,
        tokens: Vec<u32>,
        vocabulary: usize,
    ) -> Result<Self, DataError> {
        let name = name.into();
        let refuse = |problem| Err(DataError::Tokens { dataset: name.clone(), problem });
        if tokens.len() < 2 {
            return refuse(format!(
                "it has {} tokens, and at least 2 are needed to predict one from another",
                tokens.len()
            ));
        }
        if let Some(place) = tokens.iter().position(|&token| token as usize >= vocabulary) {
            return refuse(format!(
                "token {} at position {place}, where tokens are below the vocabulary's {vocabulary}",
                tokens[place]
            ));
        }
        Ok(Self::with_tracks(name, tokens.into(), vocabulary, 1))
    }

    fn with_tracks(name: String, tokens: Arc<[u32]>, vocabulary: usize, tracks: usize) -> Self {
        let spec = Spec {
            name,
            steps: (tokens.len() - 1).div_ceil(tracks),
            layout: Layout::Tokens { vocabulary },
            output: Output::PerStep { classes: vocabulary },
        };
        Self { spec, tokens, vocabulary, words: None, tracks }
    }

    /// The same with the words that the tokens stand for: the
    /// [names](SequenceDataset::class_names) of what is to be predicted.
    ///
    /// # Errors
    /// [`DataError::Tokens`] unless there is one for each token of the vocabulary.
    pub fn with_words(self, words: Arc<[String]>) -> Result<Self, DataError> {
        if words.len() != self.vocabulary {
            let problem = format!("{} words for a vocabulary of {}", words.len(), self.vocabulary);
            return Err(DataError::Tokens { dataset: self.spec.name, problem });
        }
        Ok(Self { words: Some(words), ..self })
    }

    /// The tokens, in order.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Tokens are below it.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }
}

impl SequenceDataset for TokenStream {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn len(&self) -> usize {
        self.tracks
    }

    fn sample(&self, index: usize, draw: Option<Draw>) -> Result<Sample, DataError> {
        self.part(index, 0..self.spec.steps, draw)
    }

    /// Without making the whole track first, which may be the whole stream.
    fn part(
        &self,
        index: usize,
        steps: Range<usize>,
        _draw: Option<Draw>,
    ) -> Result<Sample, DataError> {
        check_index(self, index)?;
        if steps.is_empty() || steps.end > self.spec.steps {
            return Err(DataError::Sample {
                dataset: self.spec.name.clone(),
                index,
                problem: format!("steps {steps:?} were asked for, and it has {}", self.spec.steps),
            });
        }
        let start = index * self.spec.steps;
        let known = |place: usize| self.tokens.get(place).copied();
        let range = start + steps.start..start + steps.end;
        // A step without a token to predict is padding, also the last token itself.
        let labels: Vec<_> =
            range.clone().map(|step| known(step + 1).map(|t| t as usize)).collect();
        let tokens = range.zip(&labels).map(|(step, label)| label.and(known(step)).unwrap_or(0));
        Ok(Sample {
            inputs: Inputs::Tokens(tokens.collect()),
            steps: steps.len(),
            target: Target::Classes(labels),
        })
    }

    fn folded(self: Arc<Self>, tracks: usize) -> Option<Arc<dyn SequenceDataset>> {
        let (name, tokens) = (self.spec.name.clone(), self.tokens.clone());
        let folded = Self::with_tracks(name, tokens, self.vocabulary, tracks.max(1));
        Some(Arc::new(Self { words: self.words.clone(), ..folded }))
    }

    fn class_names(&self) -> Option<Vec<String>> {
        self.words.as_ref().map(|words| words.to_vec())
    }
}
