//! GPUs: the operations as CubeCL kernels, one source for wgpu, Vulkan, Metal, CUDA and ROCm.
//!
//! | file | what |
//! |---|---|
//! | `unit.rs` | the equations of one unit and one step, forward and backward |
//! | `lists.rs` | lists of events and of wanted gradients; dot products for the latter |
//! | `walk.rs` | event-driven form: a cube walks all steps of a sample |
//! | `step.rs` | dense form: a product of the library and a kernel for each step |
//! | `product.rs` | products with a sparse operand |
//! | `sequence.rs`, `linear.rs` | the operations: which kernels, on which memory |
//! | `tensors.rs` | tensors on the device, as kernels take them |
//! | `plan.rs` | the choice between the forms, and the sizes of cubes |

mod linear;
mod lists;
mod plan;
mod product;
mod sequence;
mod step;
mod tensors;
mod unit;
mod walk;

use burn::backend::DispatchDevice;
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use egru_kernels::{LinearWanted, Wanted};

use crate::Execution;
use crate::egru_sequence::{
    EgruSequenceBackend, EgruSequenceGrad, SequenceCotangents, SequenceGradients, SequenceInputs,
    SequenceOutputs, SequenceSettings, SequenceTape,
};
use crate::event_linear::{EventLinearBackend, EventLinearGrad, LinearGradients, LinearInputs};

pub(super) fn owns(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::Cube(_))
}

impl EgruSequenceBackend for CubeBackend {
    fn egru_sequence_forward(
        inputs: SequenceInputs<Self>,
        settings: SequenceSettings,
    ) -> SequenceOutputs<Self> {
        sequence::forward(inputs, &settings)
    }
}

impl EgruSequenceGrad for CubeBackend {
    fn egru_sequence_backward(
        inputs: SequenceInputs<Self>,
        tape: SequenceTape<Self>,
        cotangents: SequenceCotangents<Self>,
        wanted: Wanted,
        settings: SequenceSettings,
    ) -> SequenceGradients<Self> {
        sequence::backward(inputs, tape, cotangents, wanted, &settings)
    }
}

impl EventLinearBackend for CubeBackend {
    fn event_linear_forward(inputs: LinearInputs<Self>, execution: Execution) -> CubeTensor {
        linear::forward(inputs, execution)
    }
}

impl EventLinearGrad for CubeBackend {
    fn event_linear_backward(
        inputs: LinearInputs<Self>,
        cotangent: CubeTensor,
        wanted: LinearWanted,
        execution: Execution,
    ) -> LinearGradients<Self> {
        linear::backward(inputs, cotangent, wanted, execution)
    }
}
