//! The fused EGRU against the naive one: outputs and every gradient.

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::{
    Array, Backend, Problem, Zone, assert_agree, backends, relative_norm, series, values,
};
use egru_ops::{Execution, Form, Keep, Products, egru_sequence, egru_step};
use proptest::prelude::*;

fn compare(name: &str, problem: &Problem) -> f64 {
    let (problem, law) = problem.clone().clear();
    assert_eq!(law.report.form, Form::Naive);
    for Backend { name: backend, device, dtype, tolerance } in backends() {
        for products in [Products::Auto, Products::Events, Products::Dense] {
            let run = problem.run(&device, dtype, Execution::fused(products));
            assert_eq!(run.report.form, Form::Fused);
            assert_eq!(run.report.backend, backend);
            assert_agree(&format!("{name} on {backend}, {products:?}"), &run, &law, tolerance);
        }
    }
    let events = &law.outputs[2];
    events.iter().sum::<f64>() / events.len() as f64
}

#[test]
fn agrees_with_naive_at_odd_sizes() {
    for dims in [
        [3, 34, 5, 130],
        [1, 1, 1, 1],
        [5, 3, 1, 63],
        [4, 2, 63, 65],
        [3, 2, 7, 590],
        [2, 1, 3, 1350],
    ] {
        let problem = Problem::random(7, dims, 0.15);
        compare(&format!("{dims:?}"), &problem);
    }
}

#[test]
fn agrees_with_naive_at_no_some_and_full_activity() {
    let activity =
        |theta| compare(&format!("theta {theta}"), &Problem::random(3, [6, 3, 5, 33], theta));
    assert_eq!(activity(9.0), 0.0);
    let some = activity(0.2);
    assert!((0.05..0.6).contains(&some), "{some}");
    assert_eq!(activity(-9.0), 1.0);
}

#[test]
fn agrees_with_naive_under_zoneout() {
    let problem = Problem::random(11, [7, 3, 4, 21], 0.1);
    compare("mask", &problem.clone().with_mask(5, 0.4));
    compare("keep", &Problem { zone: Zone::Keep(0.75), ..problem });
}

#[test]
fn agrees_with_naive_under_lengths() {
    let problem = Problem::random(13, [6, 4, 5, 19], 0.1);
    compare(
        "lengths",
        &Problem { lengths: Some(vec![6, 0, 3, 1]), ..problem.clone() }.with_mask(2, 0.3),
    );
    compare("full lengths", &Problem { lengths: Some(vec![6; 4]), ..problem });
}

#[test]
fn f32_agrees_with_naive() {
    let (problem, _) = Problem::random(17, [5, 3, 9, 40], 0.15).clear();
    for Backend { name: backend, device, .. } in backends() {
        let law = problem.run(&device, DType::F32, Execution::naive());
        let run = problem.run(&device, DType::F32, Execution::default());
        assert_agree(backend, &run, &law, 1e-4);
    }
}

#[test]
fn takes_tensors_that_are_not_contiguous() {
    let problem = Problem::random(19, [4, 3, 5, 11], 0.1);
    for Backend { name: backend, device, dtype, .. } in backends() {
        let straight = problem.inputs(&device, dtype);
        let mut turned = straight.clone();
        // The same numbers, seen through a transposed store.
        turned.x = turned.x.permute([2, 0, 1]).permute([1, 2, 0]);
        let store: Array = Array::new(&[33, 11], {
            let r = &problem.r.values;
            (0..33 * 11).map(|i| r[(i % 11) * 33 + i / 11]).collect()
        });
        turned.r = store.tensor::<2>(&device, dtype).transpose();
        let run = |inputs| egru_sequence(inputs, &problem.params, Execution::default()).unwrap().0;
        assert_eq!(values(&run(straight).state.c), values(&run(turned).state.c), "{backend}");
    }
}

#[test]
fn gradient_of_one_output_alone() {
    let whole = Problem::random(23, [5, 2, 3, 9], 0.1);
    let short = Problem { lengths: Some(vec![5, 2]), ..whole.clone() };
    for problem in [whole, short].map(|problem| problem.clear().0) {
        for Backend { name: backend, device, dtype, tolerance } in backends() {
            let device = device.autodiff();
            for output in 0..7 {
                let gradients = |execution| {
                    let mut inputs = problem.inputs(&device, dtype);
                    inputs.r = inputs.r.require_grad();
                    inputs.state.c = inputs.state.c.require_grad();
                    let (r, c0) = (inputs.r.clone(), inputs.state.c.clone());
                    let (out, _) = egru_sequence(inputs, &problem.params, execution).unwrap();
                    let loss = if let Some(series) = series(&out).get(output) {
                        (series.clone() * problem.cotangents[output].tensor(&device, dtype)).sum()
                    } else {
                        let last = [out.state.c, out.state.y, out.state.trace][output - 4].clone();
                        let by = &problem.last_cotangents[output - 4];
                        (last * by.tensor(&device, dtype)).sum()
                    };
                    let g = loss.backward();
                    [values(&r.grad(&g).expect("tracked")), values(&c0.grad(&g).expect("tracked"))]
                };
                let law = gradients(Execution::naive());
                for products in [Products::Auto, Products::Events, Products::Dense] {
                    let fused = gradients(Execution::fused(products));
                    for (fused, law) in fused.iter().zip(&law) {
                        let error = relative_norm(fused, law);
                        let what = format!("{backend}, output {output}, {products:?}");
                        assert!(error <= tolerance, "{what}: {error:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn untracked_inputs_give_untracked_outputs() {
    let problem = Problem::random(29, [3, 2, 3, 8], 0.1);
    for Backend { device, dtype, .. } in backends() {
        let run = |device: &Device| {
            let inputs = problem.inputs(device, dtype);
            egru_sequence(inputs, &problem.params, Execution::default()).unwrap().0
        };
        let plain = run(&device);
        let on_autodiff = run(&device.clone().autodiff());
        assert!(!on_autodiff.y.is_require_grad());
        assert_eq!(values(&plain.y), values(&on_autodiff.y));
    }
}

#[test]
fn two_layers_skip_the_input_gradient_exactly() {
    let lower = Problem::random(31, [6, 3, 4, 24], 0.15);
    let upper = Problem::random(37, [6, 3, 24, 17], 0.15);
    for Backend { name: backend, device, dtype, tolerance } in backends() {
        let device = device.autodiff();
        let gradient = |skip: bool| {
            let mut inputs = lower.inputs(&device, dtype);
            inputs.w = inputs.w.require_grad();
            let w = inputs.w.clone();
            let (below, _) = egru_sequence(inputs, &lower.params, Execution::default()).unwrap();
            let mut inputs = upper.inputs(&device, dtype);
            inputs.x = below.y.clone();
            inputs.x_needs_grad = below.window.filter(|_| skip);
            let (above, _) = egru_sequence(inputs, &upper.params, Execution::default()).unwrap();
            values(&w.grad(&upper.loss(&above).backward()).expect("tracked"))
        };
        let error = relative_norm(&gradient(true), &gradient(false));
        assert!(error <= tolerance / 100.0, "{backend}: {error:e}");
    }
}

#[test]
fn steps_equal_the_sequence() {
    let problem = Problem::random(41, [5, 3, 4, 13], 0.1).clear().0;
    for Backend { name: backend, device, dtype, tolerance } in backends() {
        for execution in [Execution::naive(), Execution::default()] {
            let inputs = problem.inputs(&device, dtype);
            let (all, _) = egru_sequence(inputs.clone(), &problem.params, execution).unwrap();
            let mut state = inputs.state.clone();
            for t in 0..5 {
                let x = inputs.x.clone().slice([t..t + 1]);
                let step = egru_ops::EgruInputs { x, state, ..inputs.clone() };
                let (out, _) = egru_step(step, &problem.params, execution).unwrap();
                state = out.state;
                let at = |series: &Tensor<3>| values(&series.clone().slice([t..t + 1]));
                let [y, c, o, trace] = series(&all);
                for (now, then) in [(&state.y, &y), (&state.c, &c), (&state.trace, &trace)] {
                    let error = relative_norm(&values(now), &at(then));
                    assert!(
                        error <= tolerance / 100.0,
                        "{backend}, {execution:?}, step {t}: {error:e}"
                    );
                }
                assert_eq!(values(&out.o.expect("kept")), at(&o));
                let window = all.window.as_ref().expect("kept");
                assert_eq!(values(&out.window.expect("kept")), at(window));
            }
        }
    }
}

#[test]
fn what_is_not_kept_does_not_come_back_and_changes_nothing() {
    let problem = Problem::random(43, [4, 3, 5, 12], 0.1);
    for Backend { name: backend, device, dtype, .. } in backends() {
        let device = device.autodiff();
        for execution in [Execution::naive(), Execution::default()] {
            let run = |keep: Keep| {
                let mut inputs = problem.inputs(&device, dtype);
                inputs.keep = keep;
                inputs.r = inputs.r.require_grad();
                let r = inputs.r.clone();
                let (out, _) = egru_sequence(inputs, &problem.params, execution).unwrap();
                let by = problem.cotangents[0].tensor(&device, dtype);
                let gradient = r.grad(&(out.y.clone() * by).sum().backward()).expect("tracked");
                (values(&out.y), values(&gradient), out)
            };
            let (all, some) = (run(Keep::ALL), run(Keep { window: true, ..Keep::OUTPUT }));
            assert_eq!((&all.0, &all.1), (&some.0, &some.1), "{backend}, {execution:?}");
            assert!(some.2.c.is_none() && some.2.o.is_none() && some.2.trace.is_none());
            let windows = [all.2.window, some.2.window].map(|w| values(&w.expect("kept")));
            assert_eq!(windows[0], windows[1]);
            assert_eq!(values(&all.2.state.trace), values(&some.2.state.trace));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]
    #[test]
    fn agrees_with_naive_anywhere(
        seed in 0u64..1000,
        dims in (1usize..7, 1usize..6, 1usize..20, 1usize..40),
        theta in -0.4f64..0.8,
        zoneout in 0usize..3,
        short in any::<bool>(),
    ) {
        let (t, b, c, h) = dims;
        let mut problem = Problem::random(seed, [t, b, c, h], theta);
        match zoneout {
            0 => {}
            1 => problem = problem.with_mask(seed, 0.3),
            _ => problem.zone = Zone::Keep(0.6),
        }
        if short {
            problem.lengths = Some((0..b).map(|i| (seed as usize + 3 * i) % (t + 1)).collect());
        }
        compare("random", &problem);
    }
}
