//! One backend against another: the same step from the same state, event by event.
//!
//! Left to themselves, two backends part: rounding moves an event by a step, and that event moves others. So at every
//! step each backend starts from the state that flex has reached (teacher forcing), and must send the same events.

mod common;

use std::io::Write as _;

use burn::tensor::{DType, Device, Tensor, TensorData};
use common::{Array, Backend, Problem, assert_agree, backends, relative_norm, values};
use egru_ops::{
    EgruInputs, EgruState, EgruStepOutputs, Execution, Form, OpError, Products, WeightType,
    egru_sequence, egru_step,
};

/// The same numbers on another device.
fn moved(tensor: &Tensor<2>, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values(tensor), tensor.dims()), (device, DType::F32))
}

#[test]
fn every_step_sends_the_same_events() {
    let (problem, _) = Problem::random(71, [20, 3, 9, 150], 0.12).clear();
    let flex = Device::flex();
    for Backend { name, device, .. } in backends() {
        for products in [Products::Auto, Products::Events, Products::Dense] {
            let execution = Execution::fused(products);
            let step = |device: &Device, t: usize, state: &EgruState| -> EgruStepOutputs {
                let all = problem.inputs(device, DType::F32);
                let [c, y, trace] = [&state.c, &state.y, &state.trace].map(|s| moved(s, device));
                let x = all.x.slice([t..t + 1]);
                let inputs = EgruInputs { x, state: EgruState { c, y, trace }, ..all };
                let (out, report) = egru_step(inputs, &problem.params, execution).unwrap();
                assert_eq!(report.form, Form::Fused);
                out
            };
            let mut state = problem.inputs(&flex, DType::F32).state;
            let mut events = 0.0;
            for t in 0..20 {
                let (there, here) = (step(&device, t, &state), step(&flex, t, &state));
                let [o, law] = [&there, &here].map(|out| values(out.o.as_ref().expect("kept")));
                assert_eq!(o, law, "{name}, {products:?}: events of step {t}");
                events += law.iter().sum::<f64>();
                let parts = |s: &EgruState| [&s.c, &s.y, &s.trace].map(values);
                for (a, b) in parts(&there.state).iter().zip(&parts(&here.state)) {
                    let error = relative_norm(a, b);
                    assert!(error <= 1e-5, "{name}, {products:?}, step {t}: {error:e}");
                }
                state = here.state;
            }
            let share = events / (20 * 3 * 150) as f64;
            assert!((0.05..0.6).contains(&share), "{share} of the units are active");
        }
    }
}

/// The same weights, rounded.
fn rounded(weight: &Array, dtype: DType) -> Array {
    let tensor = weight.tensor::<2>(&Device::flex(), DType::F32).cast(dtype).cast(DType::F32);
    Array::new(&weight.shape, values(&tensor))
}

#[test]
fn narrow_weights_are_the_rounded_ones_or_refused() {
    for (weights, dtype) in [(WeightType::F16, DType::F16), (WeightType::BF16, DType::BF16)] {
        let problem = Problem::random(73, [6, 3, 9, 70], 0.12);
        let (w, r) = (rounded(&problem.w, dtype), rounded(&problem.r, dtype));
        assert_ne!(w.values, problem.w.values);
        let (law_problem, law) = Problem { w, r, ..problem.clone() }.clear();
        let problem = Problem { theta: law_problem.theta, ..problem };
        for Backend { name, device, .. } in backends() {
            for products in [Products::Auto, Products::Events, Products::Dense] {
                let execution = Execution { weights, ..Execution::fused(products) };
                let inputs = problem.inputs(&device, DType::F32);
                if let Err(refused) = egru_sequence(inputs, &problem.params, execution) {
                    assert!(matches!(refused, OpError::Precision { .. }), "{name}: {refused}");
                    assert!(refused.to_string().contains("weights as given"), "{refused}");
                    let line = format!("{name} does not read {weights:?}\n");
                    std::io::stderr().write_all(line.as_bytes()).unwrap();
                    break;
                }
                let run = problem.run(&device, DType::F32, execution);
                assert_agree(&format!("{name}, {weights:?}, {products:?}"), &run, &law, 1e-4);
            }
        }
    }
}
