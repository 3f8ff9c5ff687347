//! Our kernels on libtorch's memory, which they read through a pointer: `.ci/run` runs these tests under valgrind too.
#![cfg(feature = "tch")]
#![allow(deprecated)] // the backend, by upstream

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{Problem, assert_agree, values};
use egru_ops::{EgruInputs, EgruState, Execution, Form, Products, egru_sequence, event_linear};

#[test]
fn kernels_take_the_memory_of_libtorch() {
    let problem = Problem::random(29, [4, 3, 9, 63], 0.15).with_mask(5, 0.4);
    let (problem, law) = Problem { lengths: Some(vec![4, 0, 2]), ..problem }.clear();
    for (dtype, tolerance) in [(DType::F32, 1e-4), (DType::F64, 1e-10)] {
        let run = problem.run(&Device::libtorch(), dtype, Execution::fused(Products::Events));
        assert_eq!((run.report.form, run.report.backend.as_ref()), (Form::Fused, "tch"));
        assert_agree(&format!("{dtype:?}"), &run, &law, tolerance);
    }
}

/// The same numbers, of which those of a row lie apart.
fn strided<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    let turned = tensor.clone().swap_dims(0, D - 1).into_data();
    Tensor::from_data(turned, (&tensor.device(), tensor.dtype())).swap_dims(0, D - 1)
}

/// The same numbers, past the start of the memory that they lie in.
fn behind<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    Tensor::cat(vec![tensor.ones_like(), tensor.clone()], 0).slice([tensor.dims()[0]..])
}

#[test]
fn kernels_take_views() {
    let execution = Execution::fused(Products::Events);
    for dtype in [DType::F32, DType::F64] {
        let problem = Problem::random(31, [5, 3, 7, 65], 0.15);
        let plain = problem.inputs(&Device::libtorch(), dtype);
        let state = EgruState {
            c: strided(&plain.state.c),
            y: behind(&plain.state.y),
            trace: strided(&plain.state.trace),
        };
        let (x, w, r) = (strided(&plain.x), behind(&plain.w), strided(&plain.r));
        let views = EgruInputs { x, w, r, state, ..plain.clone() };
        let [plain, views] = [plain, views].map(|inputs| {
            let (out, _) = egru_sequence(inputs, &problem.params, execution).expect("valid");
            values(&out.y)
        });
        assert!(plain.iter().any(|&y| y != 0.0));
        assert_eq!(views, plain, "{dtype:?}");
    }
}

#[test]
fn the_event_product_takes_views() {
    let device = (&Device::libtorch(), DType::F32);
    let numbers = |rows: usize, columns: usize| {
        let values: Vec<f32> =
            (0..rows * columns).map(|i| ((i % 7) as f32 - 4.0).max(0.0)).collect();
        Tensor::<1>::from_data(values.as_slice(), device).reshape([rows, columns])
    };
    let (events, weight) = (numbers(65, 63), numbers(63, 97));
    let product = |events: &Tensor<2>, weight: &Tensor<2>| {
        let execution = Execution::fused(Products::Events);
        let (out, _) = event_linear(events.clone(), weight.clone(), None, None, execution).unwrap();
        values(&out)
    };
    let law = values(&events.clone().matmul(weight.clone()));
    for (events, weight) in
        [(strided(&events), strided(&weight)), (behind(&events), behind(&weight))]
    {
        assert_eq!(product(&events, &weight), law);
    }
}
