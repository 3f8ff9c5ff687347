//! What the dispatch refuses, and how it reports.

mod common;

use burn::tensor::{DType, Device};
use common::{Backend, Problem, backends};
use egru_ops::{
    EgruInputs, EgruParams, Execution, Form, FormChoice, OpError, Products, Zoneout, egru_sequence,
    egru_step,
};

fn inputs() -> (EgruInputs, EgruParams) {
    let problem = Problem::random(1, [3, 2, 4, 5], 0.1);
    (problem.inputs(&Device::flex(), DType::F32), problem.params)
}

fn error(change: impl FnOnce(&mut EgruInputs, &mut EgruParams)) -> String {
    let (mut inputs, mut params) = inputs();
    change(&mut inputs, &mut params);
    egru_sequence(inputs, &params, Execution::default()).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn names_the_tensor_that_does_not_fit() {
    let (other, _) = inputs();
    assert_eq!(
        error(|i, _| i.r = other.w.clone()),
        "egru_sequence: `r` has shape [4, 15], expected [H = 5, 3H = 15]"
    );
    assert!(error(|i, _| i.theta = i.theta.clone().cast(DType::F64)).contains("`theta` is F64"));
    assert!(error(|i, _| i.state.trace = other.w.clone()).contains("`state.trace`"));
    assert!(
        error(|i, _| i.x_needs_grad = Some(i.x.clone().slice([0..1]))).contains("`x_needs_grad`")
    );
}

#[test]
fn names_the_argument_out_of_range() {
    assert!(error(|i, _| i.lengths = Some(vec![3, 4])).contains("`lengths` is 4"));
    assert!(error(|i, _| i.lengths = Some(vec![3])).contains("`lengths.len()` is 1"));
    assert!(error(|i, _| i.zoneout = Zoneout::Keep(1.5)).contains("`zoneout` is 1.5"));
    assert!(error(|_, p| p.eps = 0.0).contains("`eps` is 0"));
    assert!(error(|_, p| p.gamma = f64::NAN).contains("`gamma` is NaN"));
    assert!(error(|_, p| p.alpha = 1.1).contains("`alpha` is 1.1"));
    let (inputs, params) = inputs();
    let refused = egru_step(inputs, &params, Execution::default()).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("1 time step"), "{refused}");
}

#[test]
fn reports_the_form_and_falls_back_or_refuses() {
    let problem = Problem::random(1, [3, 2, 4, 5], 0.1);
    for Backend { name: backend, device, .. } in backends() {
        let run = |dtype, form| {
            let execution = Execution { form, ..Execution::default() };
            egru_sequence(problem.inputs(&device, dtype), &problem.params, execution)
                .map(|(_, report)| report)
        };
        let report = run(DType::F32, FormChoice::Auto).unwrap();
        assert_eq!((report.form, report.backend.as_str()), (Form::Fused, backend));
        assert_eq!(run(DType::F32, FormChoice::Naive).unwrap().form, Form::Naive);
        // Nobody reads what has been queued; a software device that still compiles it as the process ends crashes.
        device.sync().unwrap();
    }
    for backend in backends().iter().filter(|backend| !backend.computes(DType::F64)) {
        let inputs = problem.inputs(&backend.device, DType::F64);
        let refused = egru_sequence(inputs, &problem.params, Execution::default()).map(|_| ());
        let refused = refused.unwrap_err();
        assert!(matches!(refused, OpError::Precision { .. }), "{refused}");
        assert!(refused.to_string().contains("use f32"), "{refused}");
    }
    // A type that the kernels do not take.
    let half = || problem.inputs(&Device::flex(), DType::F16);
    let (_, report) = egru_sequence(half(), &problem.params, Execution::default()).unwrap();
    assert_eq!(report.form, Form::Naive);
    assert!(report.reason.contains("f32 and f64"), "{report}");
    let refused = egru_sequence(half(), &problem.params, Execution::fused(Products::Auto));
    assert!(matches!(refused.map(|_| ()), Err(OpError::FormUnavailable { .. })));
}
