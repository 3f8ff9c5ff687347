//! The fused event product against the naive one.

mod common;

use burn::tensor::{DType, Device};
use common::{Array, Backend, backends, relative_norm, values};
use egru_ops::{Execution, OpError, Products, event_linear};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Output and the gradients of events, weight and bias.
fn run(
    device: &Device,
    dtype: DType,
    [events, weight, bias, cotangent]: &[Array; 4],
    needs_grad: Option<&Array>,
    execution: Execution,
) -> [Vec<f64>; 4] {
    let device = &device.clone().autodiff();
    let events = events.tensor::<2>(device, dtype).require_grad();
    let weight = weight.tensor::<2>(device, dtype).require_grad();
    let bias = bias.tensor::<1>(device, dtype).require_grad();
    let (out, _) = event_linear(
        events.clone(),
        weight.clone(),
        Some(bias.clone()),
        needs_grad.map(|n| n.tensor(device, dtype)),
        execution,
    )
    .unwrap();
    let g = (out.clone() * cotangent.tensor(device, dtype)).sum().backward();
    let gradient = values(&bias.grad(&g).unwrap());
    [values(&out), values(&events.grad(&g).unwrap()), values(&weight.grad(&g).unwrap()), gradient]
}

fn problem(seed: u64, [n, k, m]: [usize; 3], zeros: f64) -> [Array; 4] {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    [
        Array::uniform(rng, &[n, k], 0.5, 0.5).sparse(rng, zeros),
        Array::uniform(rng, &[k, m], 0.0, 1.0),
        Array::uniform(rng, &[m], 0.0, 1.0),
        Array::uniform(rng, &[n, m], 0.0, 1.0),
    ]
}

#[test]
fn agrees_with_naive() {
    for dims in [[1, 1, 1], [3, 63, 5], [7, 590, 63], [2, 65, 1350]] {
        for zeros in [0.0, 0.85, 1.0] {
            let problem = problem(5, dims, zeros);
            for backend in backends() {
                for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
                    if !backend.computes(dtype) {
                        continue;
                    }
                    let Backend { name: backend, device, .. } = backend.clone();
                    let law = run(&device, dtype, &problem, None, Execution::naive());
                    for products in [Products::Auto, Products::Events, Products::Dense] {
                        let got = run(&device, dtype, &problem, None, Execution::fused(products));
                        for (got, law) in got.iter().zip(&law) {
                            let error = relative_norm(got, law);
                            assert!(
                                error <= tolerance,
                                "{backend} {dims:?} {products:?}: {error:e}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn gives_the_wanted_operand_gradients_only() {
    let problem = problem(9, [6, 31, 17], 0.8);
    let needs = Array::uniform(&mut ChaCha8Rng::seed_from_u64(1), &[6, 31], 1.0, 0.5)
        .sparse(&mut ChaCha8Rng::seed_from_u64(2), 0.5);
    for Backend { name: backend, device, dtype, tolerance } in backends() {
        let law = run(&device, dtype, &problem, None, Execution::naive());
        for products in [Products::Events, Products::Dense] {
            let got = run(&device, dtype, &problem, Some(&needs), Execution::fused(products));
            let masked: Vec<f64> = law[1]
                .iter()
                .zip(&needs.values)
                .map(|(&g, &wanted)| if wanted == 0.0 { 0.0 } else { g })
                .collect();
            assert!(relative_norm(&got[1], &masked) <= tolerance / 100.0, "{backend} {products:?}");
            assert!(relative_norm(&got[2], &law[2]) <= tolerance / 100.0, "{backend} {products:?}");
        }
    }
}

#[test]
fn takes_more_rows_than_a_grid_is_wide() {
    let problem = problem(11, [70_000, 2, 3], 0.5);
    let law = run(&Device::flex(), DType::F64, &problem, None, Execution::naive());
    for Backend { name: backend, device, dtype, tolerance } in backends() {
        let execution = Execution::fused(Products::Events);
        let got = run(&device, dtype, &problem, None, execution);
        for (what, (got, law)) in
            ["out", "events", "weight", "bias"].iter().zip(got.iter().zip(&law))
        {
            let error = relative_norm(got, law);
            let first = got.iter().zip(law).position(|(a, b)| (a - b).abs() > 1e-3);
            assert!(error <= tolerance, "{backend}, {what}: {error:e}, the first at {first:?}");
        }
    }
}

#[test]
fn without_a_bias() {
    let [events, weight, ..] = problem(3, [2, 5, 4], 0.5);
    for Backend { device, dtype, tolerance, .. } in backends() {
        let product = |execution| {
            let (events, weight) = (events.tensor(&device, dtype), weight.tensor(&device, dtype));
            values(&event_linear(events, weight, None, None, execution).unwrap().0)
        };
        let fused = product(Execution::fused(Products::Events));
        assert!(relative_norm(&fused, &product(Execution::naive())) <= tolerance / 100.0);
    }
}

#[test]
fn refuses_shapes_and_types_that_do_not_fit() {
    let device = Device::flex();
    let a = |shape: &[usize], dtype| {
        Array::new(shape, vec![0.0; shape.iter().product()]).tensor::<2>(&device, dtype)
    };
    let call =
        |events, weight| event_linear(events, weight, None, None, Execution::default()).map(|_| ());
    let error = call(a(&[2, 3], DType::F32), a(&[4, 5], DType::F32)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event_linear: `weight` has shape [4, 5], expected [K = 3, M = 5]"
    );
    let error = call(a(&[2, 3], DType::F32), a(&[3, 5], DType::F64)).unwrap_err();
    assert!(matches!(error, OpError::DType { tensor: "weight", .. }), "{error}");
}
