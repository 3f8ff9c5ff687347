//! Words, one step at a time: what a network makes of a beginning.

use std::time::Instant;

use burn::tensor::{Int, Tensor, TensorReadError};
use egru::{Cell, Execution, Input, Network, NetworkStep};
use egru_data::corpus::Vocabulary;
use egru_data::{Draw, Layout};
use rand::RngExt as _;

use crate::TrainError;
use crate::opened::Opened;
use crate::recipe::RecipeError;

/// What is to be generated, and how the next word is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateRequest {
    /// The beginning, in words between white space; without any, the network starts with a new line.
    pub prompt: String,
    /// Words to generate.
    pub words: usize,
    /// Divides the logits: below 1 likely words become likelier; 0 always takes the likeliest.
    pub temperature: f64,
    /// The likeliest words that are chosen from; 0: all.
    pub top_k: usize,
    /// The likeliest words that are chosen from, as many as together have this probability; 1: all (Holtzman et al. 2020).
    pub top_p: f64,
    /// Every choice follows from it.
    pub seed: u64,
}

impl Default for GenerateRequest {
    fn default() -> Self {
        Self { prompt: String::new(), words: 100, temperature: 1.0, top_k: 0, top_p: 1.0, seed: 1 }
    }
}

impl GenerateRequest {
    fn validate(&self) -> Result<(), RecipeError> {
        let invalid = |field: &str, value: f64, remedy: &str| {
            Err(RecipeError::Invalid {
                field: field.to_owned(),
                value: value.to_string(),
                remedy: remedy.to_owned(),
            })
        };
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return invalid("temperature", self.temperature, "use a number of at least 0");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return invalid("top_p", self.top_p, "use a probability above 0 and at most 1");
        }
        Ok(())
    }
}

/// What was generated.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The words, without those of the prompt.
    pub words: Vec<String>,
    /// Words of the prompt that the vocabulary lacks: the network read `<unk>` in their place.
    pub unknown: Vec<String>,
    /// Words of the prompt as the network read them.
    pub prompt: Vec<String>,
    /// Time from the first generated word to the last, in seconds.
    pub seconds: f64,
    /// Share of units with an output that is not zero, over all layers and steps.
    pub activity: f64,
}

/// Reads the prompt and goes on from it, word by word. `network` must be on a device without autodiff. `tell` is given each word
/// as soon as it is chosen, and answers whether to go on.
pub(crate) fn generate<C: Cell>(
    opened: &Opened<C>,
    network: &Network<C>,
    request: &GenerateRequest,
    tell: &mut dyn FnMut(&str) -> bool,
) -> Result<Generated, TrainError> {
    request.validate()?;
    let data = &opened.splits.train;
    let (Layout::Tokens { .. }, Some(names)) = (data.spec().layout, data.class_names()) else {
        return Err(TrainError::Unsuited {
            task: opened.objective.task.name().to_owned(),
            problem: format!("`{}` has no words to go on with", data.spec().name),
            remedy: "generate from a run on a text".to_owned(),
        });
    };
    let vocabulary = Vocabulary::from_words(names);
    let word = |token: u32| vocabulary.word(token).unwrap_or_default().to_owned();
    let encoded = vocabulary.encode(&request.prompt)?;
    let mut prompt = encoded.tokens;
    if prompt.is_empty() {
        prompt.push(vocabulary.number(Vocabulary::LINE_END).unwrap_or(0));
    }

    let mut reader = Reader::new(network, opened.objective.execution);
    let mut logits = Vec::new();
    for &token in &prompt {
        logits = reader.read(token)?;
    }
    let mut rng = Draw { seed: request.seed, epoch: 0 }.rng(b"generate", 0);
    let started = Instant::now();
    let mut words = Vec::new();
    while words.len() < request.words {
        let token = choose(&logits, request, rng.random::<f64>());
        words.push(word(token));
        if !tell(&words[words.len() - 1]) || words.len() == request.words {
            break;
        }
        logits = reader.read(token)?;
    }
    Ok(Generated {
        words,
        unknown: encoded.unknown,
        prompt: prompt.into_iter().map(word).collect(),
        seconds: started.elapsed().as_secs_f64(),
        activity: reader.active / reader.outputs.max(1.0),
    })
}

/// A network that reads a text of one sample, word by word.
struct Reader<'a, C: Cell> {
    network: &'a Network<C>,
    execution: Execution,
    draws: egru::NetworkDraws<C::Draws>,
    state: egru::StackState<C::State>,
    /// Outputs that were not zero, and all of them.
    active: f64,
    outputs: f64,
}

impl<'a, C: Cell> Reader<'a, C> {
    fn new(network: &'a Network<C>, execution: Execution) -> Self {
        let (draws, state) = (network.draw(1, 1), network.stack.zero_state(1));
        Self { network, execution, draws, state, active: 0.0, outputs: 0.0 }
    }

    /// The logits of what follows.
    fn read(&mut self, token: u32) -> Result<Vec<f32>, TrainError> {
        let token = Tensor::<2, Int>::from_ints([[i64::from(token)]], &self.network.device());
        let step = self.network.step(
            Input::Tokens(token),
            self.state.clone(),
            &self.draws,
            0,
            self.execution,
        )?;
        let NetworkStep { logits, layers, state } = step;
        self.state = state;
        for layer in layers {
            let outputs: Vec<f32> = layer.y.try_to_vec_as::<f32>()?;
            self.outputs += outputs.len() as f64;
            self.active += outputs.iter().filter(|output| **output != 0.0).count() as f64;
        }
        let logits: Result<Vec<f32>, TensorReadError> = logits.try_to_vec_as::<f32>();
        Ok(logits?)
    }
}

/// The token that a number in `[0, 1)` picks.
fn choose(logits: &[f32], request: &GenerateRequest, at: f64) -> u32 {
    let likelier = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
    let mut tokens: Vec<usize> = (0..logits.len()).collect();
    if request.temperature == 0.0 {
        return tokens.into_iter().min_by(likelier).unwrap_or(0) as u32;
    }
    if (1..tokens.len()).contains(&request.top_k) {
        tokens.select_nth_unstable_by(request.top_k - 1, likelier);
        tokens.truncate(request.top_k);
    }
    tokens.sort_unstable_by(likelier);
    let highest = tokens.first().map_or(0.0, |&token| f64::from(logits[token]));
    let weight =
        |token: &usize| ((f64::from(logits[*token]) - highest) / request.temperature).exp();
    let weights: Vec<f64> = tokens.iter().map(weight).collect();
    let all: f64 = weights.iter().sum();
    // As many as are needed for the share, at least one.
    let mut kept = 0.0;
    let mut count = 0;
    while count < weights.len() && (count == 0 || kept < request.top_p * all) {
        kept += weights[count];
        count += 1;
    }
    let mut left = at * kept;
    let picked = weights[..count].iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    tokens.get(picked.unwrap_or(count.saturating_sub(1))).map_or(0, |&token| token as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_chosen_by_their_probability_among_the_likeliest() {
        let logits = [0.1_f32, 0.6, 0.3].map(f32::ln);
        let pick = |request: &GenerateRequest, at| choose(&logits, request, at);
        let all = GenerateRequest::default();
        assert_eq!(
            [0.0, 0.59, 0.61, 0.89, 0.91, 0.999].map(|at| pick(&all, at)),
            [1, 1, 2, 2, 0, 0]
        );
        let greedy = GenerateRequest { temperature: 0.0, ..all.clone() };
        assert_eq!(pick(&greedy, 0.99), 1);
        let two = GenerateRequest { top_k: 2, ..all.clone() };
        assert_eq!([0.66, 0.67, 0.999].map(|at| pick(&two, at)), [1, 2, 2]);
        for (top_p, last) in [(0.5, 1), (0.61, 2), (0.95, 0)] {
            assert_eq!(pick(&GenerateRequest { top_p, ..all.clone() }, 0.999_99), last, "{top_p}");
        }
        // At half the temperature probabilities are squared: 0.36 of 0.46.
        let cold = GenerateRequest { temperature: 0.5, ..all };
        assert_eq!([0.78, 0.79].map(|at| pick(&cold, at)), [1, 2]);
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let bad = [
            GenerateRequest { temperature: -1.0, ..Default::default() },
            GenerateRequest { temperature: f64::NAN, ..Default::default() },
            GenerateRequest { top_p: 0.0, ..Default::default() },
            GenerateRequest { top_p: 1.5, ..Default::default() },
        ];
        assert!(bad.iter().all(|request| request.validate().is_err()));
        assert!(GenerateRequest::default().validate().is_ok());
    }
}
