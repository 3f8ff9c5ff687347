//! What the head reads, with the head: logits, or the loss without all of them.

use std::ops::Range;

use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use egru_ops::{Execution, event_linear};

use crate::CellError;

/// What the head reads, with the head.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use egru::{GruConfig, Head, Reading};
///
/// let device = Device::flex().autodiff();
/// let layer = GruConfig::new(3, 8).init(&device);
/// let head = Head::linear(8, 100, &device);
/// let (y, _) = layer.forward(Tensor::ones([20, 2, 3], &device), None);
/// let reading = Reading::new(y.reshape([40, 8]), head.weight(None)?, head.bias.val());
/// // At most 16 x 100 logits exist at any time.
/// let loss = reading.cross_entropy(&[7; 40], 16)? / 40.0;
/// let gradients = loss.backward();
/// assert!(head.bias.val().grad(&gradients).is_some());
/// # Ok::<(), egru::CellError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reading {
    /// What is read, `[N, H]`, after dropout. `N = B` samples; with
    /// [`Readout::PerStep`](crate::Readout::PerStep) `N = T*B`, row `t*B + b`, zero past a sample's end.
    pub values: Tensor<2>,
    /// Non-zero where the gradient of `values` has any effect, `[N, H]`; `None`: everywhere.
    pub needs_grad: Option<Tensor<2>>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    execution: Execution,
}

impl Reading {
    /// `values` `[N, H]` before a head with weights `[H, K]` and a bias `[K]`.
    pub fn new(values: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Self {
        Self { values, needs_grad: None, weight, bias, execution: Execution::default() }
    }

    /// With gradients of `values` only where `needs_grad` `[N, H]` is not zero.
    pub fn with_needs_grad(self, needs_grad: Option<Tensor<2>>) -> Self {
        Self { needs_grad, ..self }
    }

    /// With this form of the product.
    pub fn with_execution(self, execution: Execution) -> Self {
        Self { execution, ..self }
    }

    /// Rows `N`.
    pub fn rows(&self) -> usize {
        self.values.dims()[0]
    }

    /// Logits per row `K`.
    pub fn outputs(&self) -> usize {
        self.bias.dims()[0]
    }

    /// The logits, `[N, K]`.
    ///
    /// # Errors
    /// [`CellError::Op`] when the product refuses, e.g. without rows.
    pub fn logits(&self) -> Result<Tensor<2>, CellError> {
        let Self { values, needs_grad, weight, bias, execution } = self.clone();
        let (logits, _) = event_linear(values, weight, Some(bias), needs_grad, execution)?;
        Ok(logits)
    }

    /// The same with these rows alone, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let rows = Tensor::<1, Int>::from_ints(rows.as_slice(), &self.values.device());
        self.by_rows(|values| values.select(0, rows.clone()))
    }

    /// The same with a range of rows alone.
    pub fn slice(&self, rows: Range<usize>) -> Self {
        self.by_rows(|values| values.slice([rows.clone()]))
    }

    fn by_rows(&self, change: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        Self {
            values: change(self.values.clone()),
            needs_grad: self.needs_grad.clone().map(&change),
            ..self.clone()
        }
    }

    /// The sum over rows of the cross-entropy of each row's class, `[1]`, `chunk` rows at a time: no more than
    /// `chunk * K` logits exist at once, and none of them stays for the backward pass.
    ///
    /// A chunk also costs a pass over the gradient of the weights, `H * K`: some hundred rows are a good size.
    ///
    /// The gradients by `values`, weights and bias are exact. They are computed here, chunk by chunk, since the
    /// loss is at the end of the network: what is differentiated later is this sum times a number.
    ///
    /// # Errors
    /// [`CellError::Config`] unless there are rows, a class below `K` for each of them, and a chunk of at least 1;
    /// else as [`logits`](Self::logits).
    pub fn cross_entropy(&self, classes: &[usize], chunk: usize) -> Result<Tensor<1>, CellError> {
        let (rows, outputs) = (self.rows(), self.outputs());
        if rows == 0 || chunk == 0 {
            let (field, got) = if rows == 0 { ("rows", rows) } else { ("chunk", chunk) };
            return Err(CellError::config(field, got, "at least 1"));
        }
        if classes.len() != rows {
            let expected = format!("one per row, {rows}");
            return Err(CellError::config(
                "classes",
                format!("{} values", classes.len()),
                expected,
            ));
        }
        if let Some(class) = classes.iter().find(|&&class| class >= outputs) {
            return Err(CellError::config("classes", class, format!("below {outputs}")));
        }
        let wanted = Wanted {
            values: self.values.is_tracked(),
            weight: self.weight.is_tracked(),
            bias: self.bias.is_tracked(),
        };
        let fixed = Self {
            values: self.values.clone().inner(),
            needs_grad: self.needs_grad.clone().map(Tensor::inner),
            // One copy here in place of one per chunk, if the weight is a transposed one.
            weight: self.weight.clone().inner() * 1.0,
            bias: self.bias.clone().inner(),
            execution: self.execution,
        };
        let mut loss = Tensor::<1>::zeros([1], (&fixed.bias.device(), fixed.bias.dtype()));
        let mut gradients = Gradients::default();
        for (k, classes) in classes.chunks(chunk).enumerate() {
            let part = fixed.slice(k * chunk..k * chunk + classes.len());
            loss = loss + part.chunk_loss(classes, &wanted, &mut gradients)?;
        }
        if !(wanted.any() || self.values.is_autodiff()) {
            return Ok(loss);
        }
        let mut loss = loss.autodiff();
        if !gradients.values.is_empty() {
            loss = loss + zero_with_gradient(&self.values, Tensor::cat(gradients.values, 0));
        }
        if let Some(gradient) = gradients.weight {
            loss = loss + zero_with_gradient(&self.weight, gradient);
        }
        if let Some(gradient) = gradients.bias {
            loss = loss + zero_with_gradient(&self.bias, gradient);
        }
        Ok(loss)
    }

    /// The summed loss of all rows; adds its gradients to those of the rows before. On a tape of its own, which ends
    /// with it.
    fn chunk_loss(
        self,
        classes: &[usize],
        wanted: &Wanted,
        gradients: &mut Gradients,
    ) -> Result<Tensor<1>, CellError> {
        let part = match wanted.any() {
            false => self,
            true => Self {
                values: leaf(self.values, wanted.values),
                needs_grad: self.needs_grad.map(Tensor::autodiff),
                weight: leaf(self.weight, wanted.weight),
                bias: leaf(self.bias, wanted.bias),
                execution: self.execution,
            },
        };
        let logits = part.logits()?;
        let fixed = logits.clone().inner();
        let classes: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
        let classes = TensorData::new(classes, [fixed.dims()[0], 1]);
        let classes = Tensor::<2, Int>::from_data(classes, &fixed.device());
        let shifted = fixed.clone() - fixed.max_dim(1);
        let exponentials = shifted.clone().exp();
        let sums = exponentials.clone().sum_dim(1);
        let loss = (sums.clone().log() - shifted.gather(1, classes.clone())).sum();
        if !wanted.any() {
            return Ok(loss);
        }
        // By the logits: the softmax, minus one at the class.
        let ones = sums.ones_like();
        let slope = (exponentials / sums).scatter(1, classes, ones.neg(), IndexingUpdateOp::Add);
        let mut tape = (logits * slope).sum().backward();
        if wanted.values {
            gradients.values.extend(part.values.grad_remove(&mut tape));
        }
        add(&mut gradients.weight, part.weight.grad_remove(&mut tape));
        add(&mut gradients.bias, part.bias.grad_remove(&mut tape));
        Ok(loss)
    }
}

/// Whose gradients a loss is asked for.
struct Wanted {
    values: bool,
    weight: bool,
    bias: bool,
}

impl Wanted {
    fn any(&self) -> bool {
        self.values || self.weight || self.bias
    }
}

/// The gradients of the chunks so far; absent where not wanted.
#[derive(Default)]
struct Gradients {
    /// Of the rows of each chunk.
    values: Vec<Tensor<2>>,
    /// Summed.
    weight: Option<Tensor<2>>,
    /// Summed.
    bias: Option<Tensor<1>>,
}

fn add<const D: usize>(sum: &mut Option<Tensor<D>>, gradient: Option<Tensor<D>>) {
    *sum = match (sum.take(), gradient) {
        (Some(sum), Some(gradient)) => Some(sum + gradient),
        (sum, gradient) => sum.or(gradient),
    };
}

/// The tensor at the start of a new tape.
fn leaf<const D: usize>(tensor: Tensor<D>, wanted: bool) -> Tensor<D> {
    tensor.autodiff().set_require_grad(wanted)
}

/// Exactly zero, `[1]`, with the given gradient by `tensor`.
fn zero_with_gradient<const D: usize>(tensor: &Tensor<D>, gradient: Tensor<D>) -> Tensor<1> {
    let product = (tensor.clone() * gradient.autodiff()).sum();
    product.clone() - product.detach()
}
