//! A convolutional network over frames.

use burn::{
    module::{Module, ModuleVisitor, Param},
    nn::{
        Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
        pool::{MaxPool2d, MaxPool2dConfig},
    },
    tensor::{Device, Tensor, activation::relu},
};
use serde::{Deserialize, Serialize};

use crate::CellError;

/// The architecture of a [`ConvEncoder`]. The default is a small one; with kernels, strides and overlapping pools
/// per block it can be AlexNet's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConvConfig {
    /// The blocks, in order.
    pub blocks: Vec<ConvBlockConfig>,
    /// Values `F` that a frame becomes.
    pub features: usize,
    /// Probability of variational dropout on them: one mask per sample, constant over time.
    pub dropout: f64,
}

impl Default for ConvConfig {
    fn default() -> Self {
        let block = |channels| ConvBlockConfig { channels, ..ConvBlockConfig::default() };
        Self { blocks: vec![block(16), block(32)], features: 128, dropout: 0.0 }
    }
}

/// One block: convolution, rectifier, maximum over a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConvBlockConfig {
    /// Channels that come out.
    pub channels: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// Zeros on each side; with half the kernel, rounded down, and a stride of 1 the picture keeps its size.
    pub padding: usize,
    /// Rows and columns of the pool; 1 for none.
    pub pool: usize,
    /// Step of the pool.
    pub pool_stride: usize,
}

impl Default for ConvBlockConfig {
    fn default() -> Self {
        Self { channels: 16, kernel: 3, stride: 1, padding: 1, pool: 2, pool_stride: 2 }
    }
}

/// Convolutions with rectifier and maximum pooling, then a linear layer, over each frame of a sequence. All frames of
/// all steps are one batch of pictures.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use egru::{ConvConfig, ConvEncoder};
///
/// let device = Device::flex();
/// let config = ConvConfig { features: 10, ..ConvConfig::default() };
/// let encoder = ConvEncoder::init(&config, [2, 16, 12], &device)?;
/// let frames = Tensor::zeros([5, 3, 2 * 16 * 12], &device);
/// assert_eq!(encoder.forward(frames)?.dims(), [5, 3, 10]);
/// # Ok::<(), egru::CellError>(())
/// ```
#[derive(Module, Debug)]
pub struct ConvEncoder {
    /// The blocks, in order.
    pub blocks: Vec<ConvBlock>,
    /// From the last block's pictures to features.
    pub linear: Linear,
    frame: [usize; 3],
}

/// One block: convolution, rectifier, maximum over a pool.
#[derive(Module, Debug)]
pub struct ConvBlock {
    /// The convolution.
    pub conv: Conv2d,
    /// The pool, if there is one.
    pub pool: Option<MaxPool2d>,
}

impl ConvEncoder {
    /// An encoder of frames of `[polarities, rows, columns]`. Random initial values (Burn's defaults) come from the
    /// device's generator.
    ///
    /// # Errors
    /// [`CellError::Config`] for a size of zero, or a picture that gets smaller than a kernel or a pool.
    pub fn init(
        config: &ConvConfig,
        frame: [usize; 3],
        device: &Device,
    ) -> Result<Self, CellError> {
        for (field, size) in [("polarities", frame[0]), ("rows", frame[1]), ("columns", frame[2])]
            .into_iter()
            .chain([("encoder.features", config.features)])
        {
            if size == 0 {
                return Err(CellError::config(field, size, "at least 1"));
            }
        }
        let mut picture = frame;
        let mut blocks = Vec::new();
        for (k, block) in config.blocks.iter().enumerate() {
            let (made, after) = ConvBlock::init(block, k, picture, device)?;
            blocks.push(made);
            picture = after;
        }
        let inputs = picture.iter().product();
        let linear = LinearConfig::new(inputs, config.features).init(device);
        let encoder = Self { blocks, linear, frame };
        encoder.visit(&mut DrawNow);
        Ok(encoder)
    }

    /// Where the parameters live.
    pub fn device(&self) -> Device {
        self.linear.weight.val().device()
    }

    /// Frames `[T, B, polarities * rows * columns]` to features `[T, B, F]`.
    ///
    /// # Errors
    /// [`CellError::Shape`] for frames of another size.
    pub fn forward(&self, frames: Tensor<3>) -> Result<Tensor<3>, CellError> {
        let [steps, batch, values] = frames.dims();
        let [polarities, rows, columns] = self.frame;
        let expected =
            [("T", steps), ("B", batch), ("P*rows*columns", self.frame.iter().product())];
        CellError::check_shape("x", [steps, batch, values], expected)?;
        let pictures = frames.reshape([steps * batch, polarities, rows, columns]);
        let pictures = self.blocks.iter().fold(pictures, |pictures, block| block.forward(pictures));
        let features = self.linear.forward(pictures.flatten::<2>(1, 3));
        Ok(features.reshape([steps as i64, batch as i64, -1]))
    }
}

impl ConvBlock {
    /// The block, and the `[channels, rows, columns]` that come out of it.
    fn init(
        config: &ConvBlockConfig,
        index: usize,
        [channels, rows, columns]: [usize; 3],
        device: &Device,
    ) -> Result<(Self, [usize; 3]), CellError> {
        let ConvBlockConfig { channels: out, kernel, stride, padding, pool, pool_stride } = *config;
        let field = |name: &str| format!("encoder.blocks.{index}.{name}");
        for (name, size) in [
            ("channels", out),
            ("kernel", kernel),
            ("stride", stride),
            ("pool", pool),
            ("pool_stride", pool_stride),
        ] {
            if size == 0 {
                return Err(CellError::config(field(name), size, "at least 1"));
            }
        }
        // Places of a window of `size` along an axis, each `step` from the one before.
        let places = |name: &str, [rows, columns]: [usize; 2], size: usize, step: usize| {
            let smallest = rows.min(columns);
            if smallest < size {
                let at_most =
                    format!("at most {smallest}, as the picture is {rows} x {columns} there");
                return Err(CellError::config(field(name), size, at_most));
            }
            Ok([rows, columns].map(|length| (length - size) / step + 1))
        };
        let padded = [rows, columns].map(|length| length + 2 * padding);
        let mut picture = places("kernel", padded, kernel, stride)?;
        let conv = Conv2dConfig::new([channels, out], [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .init(device);
        let mut made = Self { conv, pool: None };
        if pool > 1 {
            picture = places("pool", picture, pool, pool_stride)?;
            let config =
                MaxPool2dConfig::new([pool, pool]).with_strides([pool_stride, pool_stride]);
            made.pool = Some(config.init());
        }
        Ok((made, [out, picture[0], picture[1]]))
    }

    /// Pictures `[N, channels, rows, columns]`.
    fn forward(&self, pictures: Tensor<4>) -> Tensor<4> {
        let pictures = relu(self.conv.forward(pictures));
        match &self.pool {
            None => pictures,
            Some(pool) => pool.forward(pictures),
        }
    }
}

/// Burn draws a parameter when it is first looked at; this looks at all of them, in their order.
struct DrawNow;

impl ModuleVisitor for DrawNow {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.val();
    }
}
