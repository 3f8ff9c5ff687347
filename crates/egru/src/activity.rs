//! How much a network does, and how much of it is skipped.
//!
//! All figures are sums of what was counted, so that reports of batches [merge](ActivityReport::merge) into one
//! of a data set without rounding. With `T*B` the (step, sample) pairs before each sample's end:
//!
//! ```text
//! activity sparsity  = 1 - nonzero(y) / (T*B*H)            over all layers: weighted by their size
//! backward sparsity  = 1 - window / (T*B*H)                window: active, or |v| < 1/eps
//! dense MACs         = G*H*(C + H) * T*B / samples         + head: H*K * reads / samples
//! effective MACs     = G*H*(nonzero(x) + nonzero(y)) / samples     + head: K * nonzero(read) / samples
//! footprint          = bytes of all parameters
//! ```
//!
//! `G` gates, `C` inputs, `H` units, `K` logits. Effective MACs follow NeuroBench (Yik et al. 2025): the products
//! with two non-zero operands, biases not counted, graded events counted as multiply-accumulates. Weights
//! count as non-zero; the element-wise products of the gates, `O(H)` a step, are left out of both figures. An event is charged
//! when it is sent, also that of the last step. What an encoder does is in neither figure: an embedding is a look-up,
//! and the products of a convolution are dense. Measure in evaluation: dropped inputs are not counted as zeros.
//!
//! [`Network::count`](crate::Network::count) and [`Stack::count`](crate::Stack::count) make the reports.

use std::fmt;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Bool, Int, Tensor},
};
use serde::{Deserialize, Serialize};

use crate::CellError;

/// Counts of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerActivity {
    /// Input channels.
    pub inputs: usize,
    /// Units.
    pub units: usize,
    /// Columns of the weight matrices per unit.
    pub gates: usize,
    /// (Step, sample) pairs.
    pub steps: u64,
    /// Non-zero inputs.
    pub active_inputs: u64,
    /// Non-zero outputs.
    pub events: u64,
    /// (Unit, step, sample) whose gradient path is not skipped; all of them in a dense cell.
    pub window: u64,
}

impl LayerActivity {
    /// Share of outputs that are zero.
    pub fn activity_sparsity(&self) -> f64 {
        1.0 - ratio(self.events, self.outputs())
    }

    /// Share of (unit, step, sample) whose gradient path is exactly skipped: silent and `|v| >= 1/eps`.
    pub fn backward_sparsity(&self) -> f64 {
        1.0 - ratio(self.window, self.outputs())
    }

    /// Products with a non-zero input or event, over all samples.
    pub fn effective_macs(&self) -> u64 {
        (self.gates * self.units) as u64 * (self.active_inputs + self.events)
    }

    /// All products, over all samples.
    pub fn dense_macs(&self) -> u64 {
        (self.gates * self.units * (self.inputs + self.units)) as u64 * self.steps
    }

    fn outputs(&self) -> u64 {
        self.units as u64 * self.steps
    }
}

/// Counts of the head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadActivity {
    /// Units that it reads.
    pub inputs: usize,
    /// Logits.
    pub outputs: usize,
    /// Times that it was applied.
    pub reads: u64,
    /// Non-zero values that it read.
    pub active_inputs: u64,
}

/// Counts of a network over any number of samples. The default is the report of no samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityReport {
    /// Samples.
    pub samples: u64,
    /// The layers, bottom first.
    pub layers: Vec<LayerActivity>,
    /// The head, if the network has one.
    pub head: Option<HeadActivity>,
    /// Bytes of all parameters.
    pub footprint_bytes: u64,
}

impl ActivityReport {
    /// Share of outputs that are zero, over all layers.
    pub fn activity_sparsity(&self) -> f64 {
        1.0 - ratio(self.sum(|layer| layer.events), self.sum(LayerActivity::outputs))
    }

    /// Share of (unit, step, sample) whose gradient path is exactly skipped, over all layers.
    pub fn backward_sparsity(&self) -> f64 {
        1.0 - ratio(self.sum(|layer| layer.window), self.sum(LayerActivity::outputs))
    }

    /// Multiply-accumulates with two non-zero operands, per sample.
    pub fn effective_macs(&self) -> f64 {
        let head = self.head.as_ref().map_or(0, |head| head.outputs as u64 * head.active_inputs);
        ratio(self.sum(LayerActivity::effective_macs) + head, self.samples)
    }

    /// Multiply-accumulates of the same network when nothing is skipped, per sample.
    pub fn dense_macs(&self) -> f64 {
        let head = self.head.as_ref();
        let head = head.map_or(0, |head| (head.inputs * head.outputs) as u64 * head.reads);
        ratio(self.sum(LayerActivity::dense_macs) + head, self.samples)
    }

    /// Adds the counts of other samples of the same network.
    ///
    /// # Errors
    /// [`CellError::Config`] when the report is of another architecture.
    pub fn merge(&mut self, other: &Self) -> Result<(), CellError> {
        if self.samples == 0 {
            *self = other.clone();
            return Ok(());
        }
        if other.samples == 0 {
            return Ok(());
        }
        let sizes = |report: &Self| -> Vec<[usize; 3]> {
            let layers = report.layers.iter().map(|layer| [layer.inputs, layer.units, layer.gates]);
            let head = report.head.iter().map(|head| [head.inputs, head.outputs, 0]);
            layers.chain(head).collect()
        };
        if sizes(self) != sizes(other) {
            let (got, expected) = (sizes(other), sizes(self));
            return Err(CellError::config(
                "activity report",
                format!("of a network with sizes {got:?}"),
                format!("the same network, {expected:?}"),
            ));
        }
        self.samples += other.samples;
        for (layer, more) in self.layers.iter_mut().zip(&other.layers) {
            layer.steps += more.steps;
            layer.active_inputs += more.active_inputs;
            layer.events += more.events;
            layer.window += more.window;
        }
        if let (Some(head), Some(more)) = (&mut self.head, &other.head) {
            head.reads += more.reads;
            head.active_inputs += more.active_inputs;
        }
        Ok(())
    }

    fn sum(&self, count: impl Fn(&LayerActivity) -> u64) -> u64 {
        self.layers.iter().map(count).sum()
    }
}

impl fmt::Display for ActivityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let mut row = |name: &str,
                       units: &str,
                       silent: String,
                       skipped: String,
                       macs: f64,
                       dense: f64| {
            writeln!(
                f,
                "{name:<6} {units:>6} {silent:>9} {skipped:>9} {macs:>14.0} {dense:>14.0} {:>8}",
                percent(if dense > 0.0 { macs / dense } else { 0.0 }),
            )
        };
        let samples = self.samples.max(1) as f64;
        for (k, layer) in self.layers.iter().enumerate() {
            row(
                &format!("layer {k}"),
                &layer.units.to_string(),
                percent(layer.activity_sparsity()),
                percent(layer.backward_sparsity()),
                layer.effective_macs() as f64 / samples,
                layer.dense_macs() as f64 / samples,
            )?;
        }
        row(
            "total",
            "",
            percent(self.activity_sparsity()),
            percent(self.backward_sparsity()),
            self.effective_macs(),
            self.dense_macs(),
        )
    }
}

/// Bytes of all parameters of a module.
pub fn footprint_bytes(module: &impl Module) -> u64 {
    struct Bytes(u64);
    impl ModuleVisitor for Bytes {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            self.0 += (value.shape().num_elements() * value.dtype().size()) as u64;
        }
        fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
            let value = param.val();
            self.0 += (value.shape().num_elements() * value.dtype().size()) as u64;
        }
        fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
            let value = param.val();
            self.0 += (value.shape().num_elements() * value.dtype().size()) as u64;
        }
    }
    let mut bytes = Bytes(0);
    module.visit(&mut bytes);
    bytes.0
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
