//! What all gated cells share: two weight matrices with a block of columns per gate, DropConnect on the
//! recurrent one, and zoneout of the state.

use burn::{
    module::{Module, Param},
    tensor::{Device, Distribution, Tensor},
};
use egru_ops::{EgruParams, Zoneout};
use serde::{Deserialize, Serialize};

use crate::{
    CellConfig, CellError, CellSize,
    error::{check_drop, check_positive},
};

/// Constants of a dense gated cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatedConfig {
    /// Gain of the Xavier-normal initial weights (Glorot & Bengio 2010).
    pub gain: f64,
    /// Probability of dropping a recurrent weight for the length of a sequence (Wan et al. 2013, as in Merity
    /// et al. 2018); the others are scaled up.
    pub dropconnect: f64,
    /// Probability that a unit keeps its state in a step (Krueger et al. 2017); in evaluation the state is
    /// the mean of both.
    pub zoneout: f64,
}

impl Default for GatedConfig {
    fn default() -> Self {
        Self { gain: 1.0, dropconnect: 0.0, zoneout: 0.0 }
    }
}

impl CellConfig for GatedConfig {
    fn validate(&self) -> Result<(), CellError> {
        check_positive("gain", self.gain)?;
        check_drop("dropconnect", self.dropconnect)?;
        check_drop("zoneout", self.zoneout)
    }
}

/// Constants of an event-based gated cell: those of [`GatedConfig`] and of the event part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventConfig {
    /// As [`GatedConfig::gain`].
    pub gain: f64,
    /// As [`GatedConfig::dropconnect`].
    pub dropconnect: f64,
    /// As [`GatedConfig::zoneout`].
    pub zoneout: f64,
    /// Mean of the initial thresholds, above 0 and below 1.
    pub threshold_mean: f64,
    /// Decay of the output trace, per step.
    pub alpha: f64,
    /// Height of the surrogate gradient at the threshold.
    pub gamma: f64,
    /// Inverse half-width of the surrogate gradient, per unit of the state.
    pub eps: f64,
}

impl Default for EventConfig {
    fn default() -> Self {
        let GatedConfig { gain, dropconnect, zoneout } = GatedConfig::default();
        let EgruParams { alpha, gamma, eps } = EgruParams::default();
        Self { gain, dropconnect, zoneout, threshold_mean: 0.3, alpha, gamma, eps }
    }
}

impl EventConfig {
    /// The constants of the gated part.
    pub fn gated(&self) -> GatedConfig {
        GatedConfig { gain: self.gain, dropconnect: self.dropconnect, zoneout: self.zoneout }
    }

    /// The constants of the event part.
    pub fn params(&self) -> EgruParams {
        EgruParams { alpha: self.alpha, gamma: self.gamma, eps: self.eps }
    }
}

impl CellConfig for EventConfig {
    fn validate(&self) -> Result<(), CellError> {
        self.gated().validate()?;
        crate::events::validate(&self.params())?;
        if self.threshold_mean > 0.0 && self.threshold_mean < 1.0 {
            return Ok(());
        }
        Err(CellError::config("threshold_mean", self.threshold_mean, "a mean above 0 and below 1"))
    }
}

/// The parameters of a gated cell with `G` gates. Row `j` of a matrix holds the weights that leave source
/// `j`, so that one event reads one contiguous row.
#[derive(Module, Debug)]
pub struct GatedWeights {
    /// Input weights `[C, G*H]`.
    pub w: Param<Tensor<2>>,
    /// Recurrent weights `[H, G*H]`.
    pub r: Param<Tensor<2>>,
    /// Input bias `[G*H]`.
    pub bias_w: Param<Tensor<1>>,
    /// Recurrent bias `[G*H]`.
    pub bias_r: Param<Tensor<1>>,
    pub(crate) dropconnect: f64,
    pub(crate) zoneout: f64,
}

/// The random masks of one sequence.
#[derive(Clone, Debug)]
pub struct GatedDraws {
    /// DropConnect: 0 or `1/(1-p)` for each recurrent weight `[H, G*H]`; `None` changes nothing.
    pub dropconnect: Option<Tensor<2>>,
    /// Zoneout.
    pub zoneout: Zoneout,
}

impl GatedWeights {
    /// Xavier-normal weights, over a whole matrix as in the paper's code, and zero biases.
    ///
    /// # Errors
    /// [`CellError::Config`] for a value out of range or a size of zero.
    pub fn init(
        config: &GatedConfig,
        gates: usize,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        config.validate()?;
        for (field, size) in [("input", input), ("layers", hidden)] {
            if size == 0 {
                return Err(CellError::config(field, size, "at least 1"));
            }
        }
        let columns = gates * hidden;
        let matrix = |rows| Param::from_tensor(xavier_normal(rows, columns, config.gain, device));
        let bias = || Param::from_tensor(Tensor::zeros([columns], device));
        Ok(Self {
            w: matrix(input),
            r: matrix(hidden),
            bias_w: bias(),
            bias_r: bias(),
            dropconnect: config.dropconnect,
            zoneout: config.zoneout,
        })
    }

    /// The sizes.
    pub fn size(&self) -> CellSize {
        let [input, columns] = self.w.dims();
        let [hidden, _] = self.r.dims();
        CellSize { input, hidden, gates: columns / hidden }
    }

    /// Where the parameters live.
    pub fn device(&self) -> Device {
        self.r.val().device()
    }

    /// Zeros `[B, H]`.
    pub fn zeros(&self, batch: usize) -> Tensor<2> {
        Tensor::zeros([batch, self.size().hidden], &self.device())
    }

    /// Draws the masks of a sequence: in training DropConnect once and zoneout afresh for every step.
    pub fn draw(&self, steps: usize, batch: usize, training: bool) -> GatedDraws {
        // Masks carry no gradient, but must be on the device that the parameters are on.
        let device = self.device();
        let dropconnect = (training && self.dropconnect > 0.0).then(|| {
            let keep = 1.0 - self.dropconnect;
            Tensor::random(self.r.dims(), Distribution::Bernoulli(keep), &device) / keep
        });
        let keep = 1.0 - self.zoneout;
        let zoneout = match (self.zoneout > 0.0, training) {
            (false, _) => Zoneout::Off,
            (true, false) => Zoneout::Keep(keep),
            (true, true) => {
                let shape = [steps, batch, self.size().hidden];
                Zoneout::Mask(Tensor::random(shape, Distribution::Bernoulli(keep), &device))
            }
        };
        GatedDraws { dropconnect, zoneout }
    }

    /// The recurrent weights `[H, G*H]` of this sequence.
    pub fn recurrent(&self, draws: &GatedDraws) -> Tensor<2> {
        match &draws.dropconnect {
            None => self.r.val(),
            Some(mask) => self.r.val() * mask.clone(),
        }
    }

    /// The input's share of all gates, `x W + b_W`: `[T, B, C]` to `[T, B, G*H]`.
    pub fn project(&self, x: Tensor<3>) -> Tensor<3> {
        let [steps, batch, channels] = x.dims();
        let flat = x.reshape([steps * batch, channels]);
        let a = flat.matmul(self.w.val()) + self.bias_w.val().unsqueeze();
        a.reshape([steps as i64, batch as i64, -1])
    }

    /// The recurrent share of all gates, `y R + b_R`: `[B, H]` to `[B, G*H]`.
    pub fn feed_back(&self, y: Tensor<2>, draws: &GatedDraws) -> Tensor<2> {
        y.matmul(self.recurrent(draws)) + self.bias_r.val().unsqueeze()
    }
}

impl GatedDraws {
    /// The zoneout of step `t` alone, as of a sequence of one step.
    pub fn zoneout_at(&self, t: usize) -> Zoneout {
        match &self.zoneout {
            Zoneout::Mask(mask) => Zoneout::Mask(mask.clone().narrow(0, t, 1)),
            other => other.clone(),
        }
    }

    /// `new` mixed with the state before it, `[B, H]`, by the zoneout of step `t`.
    pub fn zone_out(&self, t: usize, new: Tensor<2>, previous: Tensor<2>) -> Tensor<2> {
        match self.zoneout_at(t) {
            Zoneout::Off => new,
            Zoneout::Keep(keep) => new * keep + previous * (1.0 - keep),
            Zoneout::Mask(mask) => {
                let mask = mask.squeeze_dim::<2>(0);
                mask.clone() * new + mask.neg().add_scalar(1.0) * previous
            }
        }
    }
}

/// The columns of gate `k` of `[B, G*H]`.
pub(crate) fn gate(gates: &Tensor<2>, k: usize, hidden: usize) -> Tensor<2> {
    gates.clone().narrow(1, k * hidden, hidden)
}

/// Normal weights with variance `2*gain^2 / (rows + columns)`.
pub(crate) fn xavier_normal(rows: usize, columns: usize, gain: f64, device: &Device) -> Tensor<2> {
    let deviation = gain * (2.0 / (rows + columns) as f64).sqrt();
    Tensor::random([rows, columns], Distribution::Normal(0.0, deviation), device)
}
