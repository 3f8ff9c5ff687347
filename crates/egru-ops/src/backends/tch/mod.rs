//! libtorch. To drop it, which upstream will, delete this folder and its mentions in `backends/mod.rs`.
//!
//! On the CPU the event-driven kernels of this project work on libtorch's memory; with [`Products::Dense`], and on any
//! other device of libtorch, the operations are libtorch's own, fused over all steps (`steps.rs`).
#![allow(deprecated)] // upstream has deprecated the whole backend

mod memory;
mod steps;

use burn::backend::{
    DispatchDevice, LibTorch, TensorMetadata,
    libtorch::{LibTorchDevice, TchTensor},
    tensor::FloatTensor,
};
use egru_kernels::{LinearWanted, Products, Wanted};

use self::memory::{Memory, values};
use super::cpu::{self, CpuBackend, CpuFloat};
use crate::Execution;
use crate::egru_sequence::{
    EgruSequenceBackend, EgruSequenceGrad, SequenceCotangents, SequenceGradients, SequenceInputs,
    SequenceOutputs, SequenceSettings, SequenceTape,
};
use crate::event_linear::{EventLinearBackend, EventLinearGrad, LinearGradients, LinearInputs};

pub(super) fn owns(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::LibTorch(_))
}

/// Whether our kernels run, rather than libtorch's operations.
fn ours(tensor: &TchTensor, products: Products) -> bool {
    tensor.device() == LibTorchDevice::Cpu && products != Products::Dense
}

impl CpuBackend for LibTorch {
    type Memory<F: CpuFloat> = Memory<F>;

    fn contiguous(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        TchTensor::new(tensor.tensor.contiguous())
    }

    fn slice<F: CpuFloat>(tensor: &FloatTensor<Self>) -> &[F] {
        values(&tensor.tensor)
    }

    fn tensor<F: CpuFloat>(values: Memory<F>, shape: &[usize]) -> FloatTensor<Self> {
        values.into_tensor(shape)
    }

    fn memory<F: CpuFloat>(tensor: FloatTensor<Self>) -> Memory<F> {
        Memory::of(tensor)
    }
}

impl EgruSequenceBackend for LibTorch {
    fn egru_sequence_forward(
        inputs: SequenceInputs<Self>,
        settings: SequenceSettings,
    ) -> SequenceOutputs<Self> {
        match ours(&inputs.x, settings.execution.products) {
            true => cpu::sequence_forward(inputs, &settings),
            false => steps::sequence_forward(inputs, &settings),
        }
    }
}

impl EgruSequenceGrad for LibTorch {
    fn egru_sequence_backward(
        inputs: SequenceInputs<Self>,
        tape: SequenceTape<Self>,
        cotangents: SequenceCotangents<Self>,
        wanted: Wanted,
        settings: SequenceSettings,
    ) -> SequenceGradients<Self> {
        match ours(&inputs.x, settings.execution.products) {
            true => cpu::sequence_backward(inputs, tape, cotangents, wanted, &settings),
            false => steps::sequence_backward(inputs, tape, cotangents, wanted, &settings),
        }
    }
}

impl EventLinearBackend for LibTorch {
    fn event_linear_forward(inputs: LinearInputs<Self>, execution: Execution) -> FloatTensor<Self> {
        match ours(&inputs.events, execution.products) {
            true => cpu::linear_forward(inputs, execution.products),
            false => steps::linear_forward(inputs),
        }
    }
}

impl EventLinearGrad for LibTorch {
    fn event_linear_backward(
        inputs: LinearInputs<Self>,
        cotangent: FloatTensor<Self>,
        wanted: LinearWanted,
        execution: Execution,
    ) -> LinearGradients<Self> {
        match ours(&inputs.events, execution.products) {
            true => cpu::linear_backward(inputs, cotangent, wanted, execution.products),
            false => steps::linear_backward(inputs, cotangent, wanted),
        }
    }
}
