//! One EGRU problem as plain numbers, run on any device, in any precision, by any path.
#![allow(dead_code)] // each test binary uses its part

mod devices;

use burn::tensor::{DType, Device, Tensor, TensorData};
use egru_ops::{
    EgruInputs, EgruOutputs, EgruParams, EgruState, Execution, FormReport, Keep, Zoneout,
    egru_sequence,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use devices::devices;

/// A backend under test.
#[derive(Clone)]
pub struct Backend {
    pub name: &'static str,
    pub device: Device,
    /// The most precise number type that the device computes with,
    pub dtype: DType,
    /// and how far a result may be from that of the law in f64, as a relative norm.
    pub tolerance: f64,
}

/// All backends of this build.
pub fn backends() -> Vec<Backend> {
    let backend = |(name, device): (&'static str, Device)| {
        let (dtype, tolerance) = match name {
            "wgpu" => (DType::F32, 1e-4),
            _ => (DType::F64, 1e-10),
        };
        Backend { name, device, dtype, tolerance }
    };
    devices().into_iter().map(backend).collect()
}

impl Backend {
    pub fn computes(&self, dtype: DType) -> bool {
        dtype != DType::F64 || self.dtype == DType::F64
    }
}

/// An array and its shape.
#[derive(Clone, Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Array {
    pub fn new(shape: &[usize], values: Vec<f64>) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        Self { shape: shape.to_vec(), values }
    }

    /// Uniform around `mean`.
    pub fn uniform(rng: &mut impl Rng, shape: &[usize], mean: f64, half_width: f64) -> Self {
        let count = shape.iter().product();
        let values = (0..count).map(|_| mean + half_width * rng.random_range(-1.0..1.0)).collect();
        Self::new(shape, values)
    }

    /// The same with a share of exact zeros.
    pub fn sparse(mut self, rng: &mut impl Rng, share: f64) -> Self {
        for value in &mut self.values {
            if rng.random_bool(share) {
                *value = 0.0;
            }
        }
        self
    }

    pub fn tensor<const D: usize>(&self, device: &Device, dtype: DType) -> Tensor<D> {
        let data = TensorData::new(self.values.clone(), self.shape.clone());
        Tensor::from_data(data, (device, dtype))
    }
}

pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.clone().into_data().convert::<f64>().try_to_vec().expect("a number type")
}

/// Leaves NaN in the memory that the device hands out next, where a kernel reads what nobody has written.
pub fn poison(device: &Device, dtype: DType) {
    let sizes = [1, 64, 512, 4096, 32768, 262144];
    let poisoned: Vec<Tensor<1>> = sizes
        .into_iter()
        .flat_map(|size| (0..4).map(move |_| size))
        .map(|size| Tensor::full([size], f64::NAN, (device, dtype)))
        .collect();
    device.sync().expect("the device works");
    drop(poisoned);
}

/// `||a - b|| / ||b||`, with 0/0 = 0; NaN never passes.
pub fn relative_norm(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let difference = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    let norm = b.iter().map(|b| b * b).sum::<f64>().sqrt();
    if difference == 0.0 { 0.0 } else { difference / norm }
}

/// Zoneout as plain numbers.
#[derive(Clone, Debug)]
pub enum Zone {
    Off,
    Mask(Array),
    Keep(f64),
}

/// Inputs, settings and cotangents of one sequence.
#[derive(Clone, Debug)]
pub struct Problem {
    pub x: Array,
    pub w: Array,
    pub r: Array,
    pub bias_w: Array,
    pub bias_r: Array,
    pub theta: Array,
    pub c0: Array,
    pub y0: Array,
    pub trace0: Array,
    pub zone: Zone,
    pub lengths: Option<Vec<usize>>,
    pub params: EgruParams,
    /// By y, c, o, trace.
    pub cotangents: [Array; 4],
    /// By the last c, y, trace.
    pub last_cotangents: [Array; 3],
}

/// The gradients' names, in the order of [`Run::gradients`].
pub const GRADIENTS: [&str; 9] = ["x", "w", "r", "bias_w", "bias_r", "theta", "c0", "y0", "trace0"];
/// The differentiable series of a call that kept all: y, c, o, trace.
pub fn series(out: &EgruOutputs) -> [Tensor<3>; 4] {
    let kept = |series: &Option<Tensor<3>>| series.clone().expect("kept");
    [out.y.clone(), kept(&out.c), kept(&out.o), kept(&out.trace)]
}

/// The outputs' names, in the order of [`Run::outputs`].
pub const OUTPUTS: [&str; 8] = ["y", "c", "o", "trace", "window", "last c", "last y", "last trace"];

/// What one path gives.
pub struct Run {
    pub outputs: [Vec<f64>; 8],
    pub gradients: [Vec<f64>; 9],
    pub report: FormReport,
}

impl Problem {
    /// A random problem; a threshold around `theta` sets the activity.
    pub fn random(seed: u64, [t, b, c, h]: [usize; 4], theta: f64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let scale = |fan_in: usize| (3.0 / fan_in as f64).sqrt();
        let series = |rng: &mut ChaCha8Rng| Array::uniform(rng, &[t, b, h], 0.0, 1.0);
        Self {
            x: Array::uniform(rng, &[t, b, c], 0.0, 1.5),
            w: Array::uniform(rng, &[c, 3 * h], 0.0, scale(c)),
            r: Array::uniform(rng, &[h, 3 * h], 0.0, scale(h)),
            bias_w: Array::uniform(rng, &[3 * h], 0.0, 0.3),
            bias_r: Array::uniform(rng, &[3 * h], 0.0, 0.3),
            theta: Array::uniform(rng, &[h], theta, 0.1),
            c0: Array::uniform(rng, &[b, h], 0.0, 0.5),
            y0: Array::uniform(rng, &[b, h], 0.0, 0.5).sparse(rng, 0.7),
            trace0: Array::uniform(rng, &[b, h], 0.0, 0.5),
            zone: Zone::Off,
            lengths: None,
            params: EgruParams { alpha: 0.9, gamma: 0.7, eps: 1.7 },
            cotangents: [(); 4].map(|()| series(rng)),
            last_cotangents: [(); 3].map(|()| Array::uniform(rng, &[b, h], 0.0, 1.0)),
        }
    }

    /// A fresh 0/1 mask for every step.
    pub fn with_mask(mut self, seed: u64, drop: f64) -> Self {
        let [t, b] = [self.x.shape[0], self.x.shape[1]];
        let shape = [t, b, self.theta.shape[0]];
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let ones = Array::new(&shape, vec![1.0; shape.iter().product()]);
        self.zone = Zone::Mask(ones.sparse(rng, drop));
        self
    }

    /// The same with thresholds that no state comes so close to that rounding to f32 could move an event, and the law
    /// of it in f64. A unit that comes too close gets another threshold, until none does.
    pub fn clear(mut self) -> (Self, Run) {
        const MARGIN: f64 = 3e-5;
        let hidden = self.theta.values.len();
        for _ in 0..100 {
            let law = self.run(&Device::flex(), DType::F64, Execution::naive());
            let [_, c, o, ..] = &law.outputs;
            let mut moved = vec![false; hidden];
            for (at, (c, o)) in c.iter().zip(o).enumerate() {
                let v = c + (o - 1.0) * self.theta.values[at % hidden];
                let near = |edge: f64| (v.abs() - edge).abs() < MARGIN;
                moved[at % hidden] |= near(0.0) || near(1.0 / self.params.eps);
            }
            if !moved.contains(&true) {
                return (self, law);
            }
            for (theta, _) in self.theta.values.iter_mut().zip(moved).filter(|(_, moved)| *moved) {
                *theta += 2.7 * MARGIN;
            }
        }
        panic!("some state is always close to its threshold");
    }

    pub fn inputs(&self, device: &Device, dtype: DType) -> EgruInputs {
        EgruInputs {
            x: self.x.tensor(device, dtype),
            w: self.w.tensor(device, dtype),
            r: self.r.tensor(device, dtype),
            bias_w: self.bias_w.tensor(device, dtype),
            bias_r: self.bias_r.tensor(device, dtype),
            theta: self.theta.tensor(device, dtype),
            state: EgruState {
                c: self.c0.tensor(device, dtype),
                y: self.y0.tensor(device, dtype),
                trace: self.trace0.tensor(device, dtype),
            },
            zoneout: match &self.zone {
                Zone::Off => Zoneout::Off,
                Zone::Mask(mask) => Zoneout::Mask(mask.tensor(device, dtype)),
                Zone::Keep(keep) => Zoneout::Keep(*keep),
            },
            lengths: self.lengths.clone(),
            x_needs_grad: None,
            keep: Keep::ALL,
        }
    }

    /// The scalar whose gradients a run returns.
    pub fn loss(&self, out: &EgruOutputs) -> Tensor<1> {
        let (device, dtype) = (out.y.device(), out.y.dtype());
        let series = series(out).into_iter().zip(&self.cotangents);
        let series = series.map(|(out, by)| (out * by.tensor(&device, dtype)).sum());
        let last = [&out.state.c, &out.state.y, &out.state.trace];
        let last = last.into_iter().zip(&self.last_cotangents);
        let last = last.map(|(out, by)| (out.clone() * by.tensor(&device, dtype)).sum());
        series.chain(last).reduce(|a, b| a + b).unwrap()
    }

    /// Outputs and all gradients.
    pub fn run(&self, device: &Device, dtype: DType, execution: Execution) -> Run {
        poison(device, dtype);
        let i = self.inputs(&device.clone().autodiff(), dtype);
        let i = EgruInputs {
            x: i.x.require_grad(),
            w: i.w.require_grad(),
            r: i.r.require_grad(),
            bias_w: i.bias_w.require_grad(),
            bias_r: i.bias_r.require_grad(),
            theta: i.theta.require_grad(),
            state: EgruState {
                c: i.state.c.require_grad(),
                y: i.state.y.require_grad(),
                trace: i.state.trace.require_grad(),
            },
            ..i
        };
        let (out, report) = egru_sequence(i.clone(), &self.params, execution).expect("valid");
        let [y, c, o, trace] = series(&out).map(|series| values(&series));
        let EgruState { c: last_c, y: last_y, trace: last_trace } = &out.state;
        let [last_c, last_y, last_trace] = [last_c, last_y, last_trace].map(values);
        let window = values(out.window.as_ref().expect("kept"));
        let outputs = [y, c, o, trace, window, last_c, last_y, last_trace];
        let g = self.loss(&out).backward();
        macro_rules! gradient {
            ($tensor:expr) => {
                values(&$tensor.grad(&g).expect("a gradient"))
            };
        }
        let gradients = [
            gradient!(i.x),
            gradient!(i.w),
            gradient!(i.r),
            gradient!(i.bias_w),
            gradient!(i.bias_r),
            gradient!(i.theta),
            gradient!(i.state.c),
            gradient!(i.state.y),
            gradient!(i.state.trace),
        ];
        Run { outputs, gradients, report }
    }
}

/// All outputs and gradients agree within a relative norm.
pub fn assert_agree(name: &str, run: &Run, law: &Run, tolerance: f64) {
    let outputs = OUTPUTS.iter().zip(run.outputs.iter().zip(&law.outputs));
    let gradients = GRADIENTS.iter().zip(run.gradients.iter().zip(&law.gradients));
    for (what, (a, b)) in outputs.chain(gradients) {
        let error = relative_norm(a, b);
        assert!(
            error <= tolerance,
            "{name}: `{what}` differs by {error:e} (allowed {tolerance:e})"
        );
    }
}
