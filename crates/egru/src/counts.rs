//! Counts of activity that stay on the device until they are read.

use burn::tensor::{Int, Tensor, TensorData, TensorReadError};

use crate::{
    Cell, CellError, Network, NetworkOutput, Readout, SequenceOutput, Stack,
    activity::{ActivityReport, HeadActivity, LayerActivity, footprint_bytes},
    cell::CellSize,
    lengths,
};

/// What a network did with one batch, counted on the device. Nothing is waited for until the counts are read, all at once.
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use egru::{InputShape, Keep, Network, NetworkConfig, SequenceOptions, cells::Egru};
///
/// let device = Device::flex();
/// let config = NetworkConfig { layers: vec![16], ..Default::default() };
/// let network = Network::<Egru>::init(&config, InputShape::Values { channels: 4 }, 3, &device)?;
/// let x = Tensor::<3>::random([20, 2, 4], Distribution::Normal(0.0, 2.0), &device);
/// // The counts need the window of each layer.
/// let options = SequenceOptions::keeping(Keep { window: true, ..Keep::OUTPUT });
/// let out = network.forward_with(x, None, &network.draw(20, 2), &options)?;
/// let report = network.count(&out, None)?.read()?;
/// assert_eq!(report.samples, 2);
/// assert!(report.effective_macs() < report.dense_macs());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ActivityCounts {
    /// Per channel, so that no count overflows its type: of the input, then of each layer's output and window.
    counts: Tensor<1, Int>,
    /// What is known without the device; the counts are zero.
    report: ActivityReport,
}

impl ActivityCounts {
    /// The counts, to be read together with other tensors.
    pub fn tensor(&self) -> Tensor<1, Int> {
        self.counts.clone()
    }

    /// The report, from the values of [`tensor`](Self::tensor); more values after them are not looked at.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn report(self, counts: &TensorData) -> ActivityReport {
        let mut report = self.report;
        let mut counts = counts.iter::<i64>();
        let mut sum = |channels: usize| -> u64 {
            let next = || counts.next().expect("as many values as the tensor has") as u64;
            std::iter::repeat_with(next).take(channels).sum()
        };
        let mut active_inputs = report.layers.first().map_or(0, |layer| sum(layer.inputs));
        for layer in &mut report.layers {
            layer.active_inputs = active_inputs;
            layer.events = sum(layer.units);
            // All of them in a dense cell, whose window is not counted.
            if layer.window == 0 {
                layer.window = sum(layer.units);
            }
            active_inputs = layer.events;
        }
        if let Some(head) = &mut report.head {
            head.active_inputs = sum(head.inputs);
        }
        report
    }

    /// Reads the counts.
    ///
    /// # Errors
    /// [`TensorReadError`] when the device fails.
    pub fn read(self) -> Result<ActivityReport, TensorReadError> {
        let counts = self.counts.clone().try_into_data()?;
        Ok(self.report(&counts))
    }
}

impl<C: Cell> Stack<C> {
    /// Counts what the stack did with `x` `[T, B, C]`; `layers` are the outputs of its forward pass. Those of
    /// event-based cells must have kept the window.
    ///
    /// # Errors
    /// [`CellError::NotKept`] without the window.
    pub fn count(
        &self,
        x: &Tensor<3>,
        layers: &[SequenceOutput],
        lengths: Option<&[usize]>,
    ) -> Result<ActivityCounts, CellError> {
        let [steps, batch, channels] = x.dims();
        let pairs = lengths.map_or(steps * batch, |lengths| lengths.iter().sum()) as u64;
        // What lies past a sample's end need not be zero in the input; in an output it is.
        let x = match lengths {
            None => x.clone(),
            Some(lengths) => {
                let valid = lengths::valid_steps(lengths, steps, &x.device());
                let over = valid.equal_elem(0.0).expand([steps, batch, channels]);
                x.clone().mask_fill(over, 0.0)
            }
        };
        let mut counts = vec![nonzero(x)];
        let mut report = ActivityReport {
            samples: batch as u64,
            footprint_bytes: footprint_bytes(self),
            ..ActivityReport::default()
        };
        for (layer, output) in self.layers.iter().zip(layers) {
            let CellSize { input: inputs, hidden: units, gates } = layer.cell.size();
            counts.push(nonzero(output.y.clone()));
            let mut window = pairs * units as u64;
            if output.events.is_some() {
                let series = output.event_series("window", "counting", |events| &events.window)?;
                counts.push(nonzero(series));
                window = 0;
            }
            let sizes = LayerActivity { inputs, units, gates, steps: pairs, ..Default::default() };
            report.layers.push(LayerActivity { window, ..sizes });
        }
        Ok(ActivityCounts { counts: Tensor::cat(counts, 0), report })
    }
}

impl<C: Cell> Network<C> {
    /// Counts what the network did in the forward pass that gave `output`. The layers of event-based cells must have
    /// kept the window. What an encoder does is not counted.
    ///
    /// # Errors
    /// [`CellError::NotKept`] without the window.
    pub fn count(
        &self,
        output: &NetworkOutput<C::State>,
        lengths: Option<&[usize]>,
    ) -> Result<ActivityCounts, CellError> {
        let ActivityCounts { counts, report } =
            self.stack.count(&output.encoded, &output.layers, lengths)?;
        let reads = match self.readout() {
            Readout::PerStep => report.layers[0].steps,
            Readout::LastOutput | Readout::LastTrace | Readout::MeanLogits => report.samples,
        };
        let head = HeadActivity {
            inputs: self.stack.output_size(),
            outputs: self.output_size(),
            reads,
            active_inputs: 0,
        };
        let read = nonzero(output.reading.values.clone().unsqueeze_dim(0));
        let footprint_bytes = footprint_bytes(self);
        Ok(ActivityCounts {
            counts: Tensor::cat(vec![counts, read], 0),
            report: ActivityReport { head: Some(head), footprint_bytes, ..report },
        })
    }
}

/// Non-zero values of each channel.
fn nonzero(series: Tensor<3>) -> Tensor<1, Int> {
    let [_, _, channels] = series.dims();
    let counts = series.inner().not_equal_elem(0.0).int().sum_dim(0).sum_dim(1);
    counts.reshape([channels])
}
