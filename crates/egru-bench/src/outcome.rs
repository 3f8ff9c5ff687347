//! What a path computed, as plain numbers.

use burn::tensor::{ExecutionError, Gradients, Tensor, TensorReadError};

/// The output and the gradients of one path, for comparison with another.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Where the output is not zero. A state within rounding of its threshold may fire along one path and not
    /// along another, and everything after it in its sample then differs: such a tie shows here.
    pub active: Vec<bool>,
    /// The output, then the gradients, in the same order along every path.
    pub tensors: Vec<Vec<f64>>,
}

impl Outcome {
    /// Nothing but an output.
    pub fn of_output(output: Vec<f64>) -> Self {
        Self { active: output.iter().map(|&y| y != 0.0).collect(), tensors: vec![output] }
    }
}

/// The place of a value of an output `[time, batch, hidden]`, or of the steps of a stream one after the other.
pub(crate) fn sample(index: usize, [batch, hidden]: [usize; 2]) -> usize {
    index / hidden % batch
}

/// Waits for a tensor's numbers.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Result<(), ExecutionError> {
    tensor.try_into_data().map(drop)
}

/// Waits for the numbers of a leaf's gradient, if it has one.
pub(crate) fn read_gradient<const D: usize>(
    leaf: &Tensor<D>,
    gradients: &Gradients,
) -> Result<(), ExecutionError> {
    leaf.grad(gradients).map_or(Ok(()), read)
}

/// The gradient of a leaf; without one (the path does not depend on it), none.
pub(crate) fn gradient<const D: usize>(
    leaf: &Tensor<D>,
    gradients: &Gradients,
) -> Result<Vec<f64>, TensorReadError> {
    leaf.grad(gradients).map_or_else(|| Ok(Vec::new()), |gradient| gradient.try_to_vec_as())
}

/// The gradient of a leaf that counts only where `needs` is not zero, and is zero elsewhere.
pub(crate) fn wanted_gradient<const D: usize>(
    leaf: &Tensor<D>,
    needs: Option<&Tensor<D>>,
    gradients: &Gradients,
) -> Result<Vec<f64>, TensorReadError> {
    let mut values = gradient(leaf, gradients)?;
    if let Some(needs) = needs {
        let needs: Vec<f64> = needs.try_to_vec_as()?;
        for (value, needs) in values.iter_mut().zip(needs) {
            if needs == 0.0 {
                *value = 0.0;
            }
        }
    }
    Ok(values)
}
