//! A cell from outside the crate: a leaky integrator with events. It needs no change anywhere.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use egru::events::{EgruParams, Threshold};
use egru::{
    Cell, CellConfig, CellError, CellSize, EventOutput, Execution, InputShape, Keep, Network,
    NetworkConfig, Readout, SequenceOptions, StepOutput, testing,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LeakyConfig {
    decay: f64,
}

impl Default for LeakyConfig {
    fn default() -> Self {
        Self { decay: 0.8 }
    }
}

impl CellConfig for LeakyConfig {
    fn validate(&self) -> Result<(), CellError> {
        if (0.0..1.0).contains(&self.decay) {
            return Ok(());
        }
        Err(CellError::config("decay", self.decay, "a share in [0, 1)"))
    }
}

#[derive(Clone, Debug)]
struct LeakyState {
    c: Tensor<2>,
    trace: Tensor<2>,
}
egru::cell_state!(LeakyState { c, trace });

#[derive(Module, Debug)]
struct Leaky {
    weight: Param<Tensor<2>>,
    threshold: Threshold,
    decay: f64,
}

impl Cell for Leaky {
    const NAME: &'static str = "leaky";
    type Config = LeakyConfig;
    type State = LeakyState;
    type Draws = ();

    fn init(
        config: &LeakyConfig,
        input: usize,
        hidden: usize,
        device: &Device,
    ) -> Result<Self, CellError> {
        config.validate()?;
        Ok(Self {
            weight: Param::from_tensor(Tensor::ones([input, hidden], device)),
            threshold: Threshold::init(0.5, EgruParams::default(), hidden, device)?,
            decay: config.decay,
        })
    }
    fn size(&self) -> CellSize {
        let [input, hidden] = self.weight.dims();
        CellSize { input, hidden, gates: 1 }
    }
    fn device(&self) -> Device {
        self.weight.val().device()
    }
    fn zero_state(&self, batch: usize) -> LeakyState {
        let zeros = Tensor::zeros([batch, self.size().hidden], &self.device());
        LeakyState { c: zeros.clone(), trace: zeros }
    }
    fn draw(&self, _: usize, _: usize, _: bool) {}
    fn step(
        &self,
        x: Tensor<2>,
        state: LeakyState,
        _: &(),
        _: usize,
        _: Execution,
    ) -> Result<(StepOutput, LeakyState), CellError> {
        let fired = self.threshold.fire(state.c * self.decay + x.matmul(self.weight.val()));
        let trace = self.threshold.trace(state.trace, fired.y.clone());
        let events = EventOutput { o: fired.o, trace: trace.clone(), window: fired.window };
        let output = StepOutput { y: fired.y, c: fired.c.clone(), events: Some(events) };
        Ok((output, LeakyState { c: fired.c, trace }))
    }
    fn threshold(&self) -> Option<Tensor<1>> {
        Some(self.threshold.value())
    }
}

#[test]
fn conforms() {
    testing::check_cell::<Leaky>(&LeakyConfig::default(), &Device::flex());
}

#[test]
fn goes_through_a_network_like_any_other() {
    let device = Device::flex().autodiff();
    device.seed(1);
    let config =
        NetworkConfig { layers: vec![6, 4], readout: Readout::LastTrace, ..Default::default() };
    let two = InputShape::Values { channels: 2 };
    let network = Network::<Leaky>::init(&config, two, 3, &device).unwrap();
    let x = Tensor::<3>::full([5, 2, 2], 0.1, &device);
    let options = SequenceOptions::keeping(Keep { window: true, ..Keep::OUTPUT });
    let out = network.forward_with(x, None, &network.draw(5, 2), &options).unwrap();
    let logits = out.reading.logits().unwrap();
    assert_eq!(logits.dims(), [2, 3]);
    let report = network.count(&out, None).unwrap().read().unwrap();
    assert_eq!(report.layers[1].dense_macs(), 4 * (6 + 4) * 5 * 2);
    let grads = logits.sum().backward();
    assert!(network.stack.layers[0].cell.weight.val().grad(&grads).is_some());
    assert!(
        egru::Stack::<Leaky>::init(&LeakyConfig { decay: 2.0 }, 2, &[3], 0.0, &device).is_err()
    );
}
