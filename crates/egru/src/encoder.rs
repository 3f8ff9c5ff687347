//! From the input of a network to what its stack reads.

use burn::{
    module::{Module, Param},
    nn::Embedding,
    tensor::{Device, Distribution, Tensor},
};
use serde::{Deserialize, Serialize};

use crate::{
    CellError, Input, InputShape,
    conv::{ConvConfig, ConvEncoder},
    dropout,
    error::check_drop,
};

/// Initial embeddings are uniform in plus or minus this, as in AWD-LSTM and in the paper's language models.
const EMBEDDING_RANGE: f64 = 0.1;

/// The encoder of a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", from = "Written")]
pub enum EncoderConfig {
    /// The values as they are.
    #[default]
    Direct,
    /// A learned vector per token.
    Embedding {
        /// Its size `E`.
        size: usize,
        /// Probability of dropping a word of the vocabulary for the length of a sequence, wherever it occurs
        /// in the batch (Gal & Ghahramani 2016, as in AWD-LSTM); the others are scaled up.
        dropout: f64,
        /// Probability of variational dropout on what the stack reads: one mask per sample, constant over time.
        input_dropout: f64,
    },
    /// A convolutional network over each frame.
    Conv(ConvConfig),
}

/// [`EncoderConfig`] as it is read. serde lets unknown keys beside a unit variant pass, so that it has none.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum Written {
    Direct {},
    Embedding {
        size: usize,
        #[serde(default)]
        dropout: f64,
        #[serde(default)]
        input_dropout: f64,
    },
    Conv(ConvConfig),
}

impl From<Written> for EncoderConfig {
    fn from(written: Written) -> Self {
        match written {
            Written::Direct {} => Self::Direct,
            Written::Embedding { size, dropout, input_dropout } => {
                Self::Embedding { size, dropout, input_dropout }
            }
            Written::Conv(config) => Self::Conv(config),
        }
    }
}

/// An encoder. Alone, it is a module from `[T, B, ...]` to `[T, B, C]`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use egru::{Encoder, EncoderConfig, InputShape};
///
/// let device = Device::flex();
/// let config = EncoderConfig::Embedding { size: 16, dropout: 0.1, input_dropout: 0.0 };
/// let encoder = Encoder::init(&config, InputShape::Tokens { vocabulary: 100 }, &device)?;
/// let tokens = Tensor::<2, Int>::from_ints([[5, 99], [0, 5]], &device);
/// let x = encoder.forward(tokens.into(), &encoder.draw(2))?;
/// assert_eq!(x.dims(), [2, 2, 16]);
/// # Ok::<(), egru::CellError>(())
/// ```
#[derive(Module, Debug)]
pub struct Encoder {
    /// The vectors `[V, E]`, of an embedding encoder.
    pub embedding: Option<Embedding>,
    /// The layers, of a convolutional encoder.
    pub conv: Option<ConvEncoder>,
    output: usize,
    word_dropout: f64,
    dropout: f64,
}

/// The random masks of an encoder for one batch of sequences; `None` drops nothing.
#[derive(Clone, Debug, Default)]
pub struct EncoderDraws {
    /// On each word of the vocabulary, `[V, 1]`.
    pub words: Option<Tensor<2>>,
    /// On what the stack reads, `[B, C]`.
    pub output: Option<Tensor<2>>,
}

impl Encoder {
    /// An encoder of such inputs. Random initial values come from the device's generator.
    ///
    /// # Errors
    /// [`CellError::Config`] for a value out of range, or an encoder that does not take such inputs.
    pub fn init(
        config: &EncoderConfig,
        input: InputShape,
        device: &Device,
    ) -> Result<Self, CellError> {
        let refused = |got: &str, takes: &str| {
            Err(CellError::config("encoder", got, format!("{takes}, for {input}")))
        };
        let plain =
            Self { embedding: None, conv: None, output: 0, word_dropout: 0.0, dropout: 0.0 };
        match (config, input) {
            (EncoderConfig::Direct, InputShape::Values { channels }) => {
                Ok(Self { output: channels, ..plain })
            }
            (EncoderConfig::Direct, InputShape::Frames { polarities, rows, columns }) => {
                Ok(Self { output: polarities * rows * columns, ..plain })
            }
            (EncoderConfig::Direct, InputShape::Tokens { .. }) => refused("direct", "`embedding`"),
            (
                &EncoderConfig::Embedding { size, dropout, input_dropout },
                InputShape::Tokens { vocabulary },
            ) => {
                check_drop("encoder.dropout", dropout)?;
                check_drop("encoder.input_dropout", input_dropout)?;
                for (field, size) in [("encoder.size", size), ("vocabulary", vocabulary)] {
                    if size == 0 {
                        return Err(CellError::config(field, size, "at least 1"));
                    }
                }
                let range = Distribution::Uniform(-EMBEDDING_RANGE, EMBEDDING_RANGE);
                let weight = Tensor::random([vocabulary, size], range, device);
                Ok(Self {
                    embedding: Some(Embedding { weight: Param::from_tensor(weight) }),
                    output: size,
                    word_dropout: dropout,
                    dropout: input_dropout,
                    ..plain
                })
            }
            (EncoderConfig::Embedding { .. }, _) => refused("embedding", "`direct` or `conv`"),
            (EncoderConfig::Conv(config), InputShape::Frames { polarities, rows, columns }) => {
                check_drop("encoder.dropout", config.dropout)?;
                Ok(Self {
                    conv: Some(ConvEncoder::init(config, [polarities, rows, columns], device)?),
                    output: config.features,
                    dropout: config.dropout,
                    ..plain
                })
            }
            (EncoderConfig::Conv(_), InputShape::Values { .. }) => refused("conv", "`direct`"),
            (EncoderConfig::Conv(_), InputShape::Tokens { .. }) => refused("conv", "`embedding`"),
        }
    }

    /// Channels `C` that the stack reads.
    pub fn output_size(&self) -> usize {
        self.output
    }

    /// Draws the random masks of one batch of sequences. Training means that the parameters are on an autodiff
    /// device.
    pub fn draw(&self, batch: usize) -> EncoderDraws {
        let device = match (&self.embedding, &self.conv) {
            (Some(embedding), _) => embedding.weight.val().device(),
            (_, Some(conv)) => conv.device(),
            (None, None) => return EncoderDraws::default(),
        };
        let drop = |probability| if device.is_autodiff() { probability } else { 0.0 };
        let words = self.embedding.as_ref().and_then(|embedding| {
            let [vocabulary, _] = embedding.weight.dims();
            dropout::variational_mask(drop(self.word_dropout), vocabulary, 1, &device)
        });
        let output = dropout::variational_mask(drop(self.dropout), batch, self.output, &device);
        EncoderDraws { words, output }
    }

    /// What the stack reads, `[T, B, C]`.
    ///
    /// # Errors
    /// [`CellError`] for an input of another kind or shape.
    pub fn forward(&self, x: Input, draws: &EncoderDraws) -> Result<Tensor<3>, CellError> {
        let encoded = match (&self.embedding, &self.conv, x) {
            (None, None, Input::Values(values)) => values,
            (None, Some(conv), Input::Values(frames)) => conv.forward(frames)?,
            (Some(embedding), None, Input::Tokens(tokens)) => {
                let encoded = embedding.forward(tokens.clone());
                match &draws.words {
                    None => encoded,
                    Some(mask) => encoded * burn::tensor::module::embedding(mask.clone(), tokens),
                }
            }
            (Some(_), _, Input::Values(_)) => {
                return Err(CellError::config("input", "values", "tokens, for an embedding"));
            }
            (_, _, Input::Tokens(_)) => {
                return Err(CellError::config("input", "tokens", "values, without an embedding"));
            }
        };
        Ok(dropout::apply(encoded, draws.output.as_ref()))
    }
}
