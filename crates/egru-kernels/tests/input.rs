//! Bad and unusual arguments.
#![allow(missing_docs)]

mod common;

use common::{ALL, Problem, run};
use egru_kernels::*;

const DIMS: Dims = Dims { time: 4, batch: 3, input: 2, hidden: 70 };

fn sequence(inputs: Inputs<'_, f64>) -> Sequence<'_, f64> {
    Sequence { dims: DIMS, params: EgruParams::default(), inputs, products: Products::Auto }
}

fn inputs(p: &Problem) -> Inputs<'_, f64> {
    Inputs {
        x: &p.x,
        y0: &p.y0,
        c0: &p.c0,
        trace0: &p.trace0,
        w: &p.w,
        r: &p.r,
        bias_w: &p.bias_w,
        bias_r: &p.bias_r,
        theta: &p.theta,
        zoneout: Zoneout::Off,
        lengths: None,
        x_needs_grad: None,
    }
}

#[test]
fn every_array_is_checked() {
    let problem = Problem::random(DIMS, 0.1, 1);
    let good = inputs(&problem);
    let short = [0.0];
    let cases = [
        ("x", Inputs { x: &short, ..good }),
        ("y0", Inputs { y0: &short, ..good }),
        ("c0", Inputs { c0: &short, ..good }),
        ("trace0", Inputs { trace0: &short, ..good }),
        ("w", Inputs { w: &short, ..good }),
        ("r", Inputs { r: &short, ..good }),
        ("bias_w", Inputs { bias_w: &short, ..good }),
        ("bias_r", Inputs { bias_r: &short, ..good }),
        ("theta", Inputs { theta: &short, ..good }),
        ("zoneout", Inputs { zoneout: Zoneout::Mask(&short), ..good }),
        ("lengths", Inputs { lengths: Some(&[4]), ..good }),
        ("x_needs_grad", Inputs { x_needs_grad: Some(&short), ..good }),
    ];
    for (expected, bad) in cases {
        match egru_forward::<_, Vec<_>>(&sequence(bad), Keep::ALL) {
            Err(ShapeError::Length { name, given: 1, .. }) => assert_eq!(name, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let long = Inputs { lengths: Some(&[4, 5, 0]), ..good };
    let error = egru_forward::<_, Vec<_>>(&sequence(long), Keep::ALL);
    assert_eq!(error, Err(ShapeError::SampleLength { sample: 1, given: 5, time: 4 }));
    let huge = Dims { time: usize::MAX / 2, ..DIMS };
    let huge = Sequence { dims: huge, ..sequence(good) };
    let error = egru_forward::<_, Vec<_>>(&huge, Keep::ALL);
    assert!(matches!(error, Err(ShapeError::TooLarge { .. })));

    let good = sequence(good);
    let out = egru_forward::<_, Vec<_>>(&good, Keep::OUTPUT).expect("shapes fit");
    for kept in [&out.c, &out.o, &out.trace, &out.window, &out.tape.u, &out.tape.gates] {
        assert!(kept.is_empty());
    }
    let Outputs { y, tape, .. } = out;
    let all = Cotangents { y: Some(&y), ..Cotangents::default() };
    let backward = |y: &[f64], tape: Tape<Vec<f64>>, grads: &Cotangents<f64>| {
        egru_backward(&good, y, tape, grads, ALL)
    };
    let error = backward(&y, tape, &all);
    assert!(matches!(error, Err(ShapeError::Length { name: "tape", given: 0, .. })));
    let tape = || Tape { u: vec![0.0; 4 * 3 * 70], gates: vec![0.0; 4 * 3 * 70 * 4] };
    let grads = Cotangents { o: Some(&short), ..all };
    let error = backward(&y, tape(), &grads);
    assert!(matches!(error, Err(ShapeError::Length { name: "grads.o", .. })));
    let last = LastCotangents { y: Some(&short), ..LastCotangents::default() };
    let error = backward(&y, tape(), &Cotangents { last, ..all });
    assert!(matches!(error, Err(ShapeError::Length { name: "grads.last.y", .. })));
    let error = backward(&short, tape(), &all);
    assert!(matches!(error, Err(ShapeError::Length { name: "y", given: 1, .. })));
}

#[test]
fn only_what_is_wanted_comes_back() {
    let problem = Problem::random(DIMS, 0.1, 1);
    let sequence = sequence(inputs(&problem));
    let out = egru_forward::<_, Vec<_>>(&sequence, Keep::ALL).expect("shapes fit");
    let grads = Cotangents { y: Some(&problem.dy), ..Cotangents::default() };
    let none = Wanted { x: false, w: false, r: false, theta: false, state: false };
    let run = |wanted| {
        let tape = out.tape.clone();
        egru_backward(&sequence, &out.y, tape, &grads, wanted).expect("shapes fit")
    };
    let got = run(none);
    let all = [
        &got.x,
        &got.y0,
        &got.c0,
        &got.trace0,
        &got.w,
        &got.r,
        &got.bias_w,
        &got.bias_r,
        &got.theta,
    ];
    assert!(all.iter().all(|gradient| gradient.is_empty()));
    let full = run(ALL);
    assert_eq!(run(Wanted { r: true, ..none }).r, full.r);
    assert_eq!(run(Wanted { w: true, ..none }).bias_w, full.bias_w);
    assert_eq!(run(Wanted { x: true, ..none }).x, full.x);
    assert_eq!(run(Wanted { theta: true, ..none }).theta, full.theta);
    assert_eq!(run(Wanted { state: true, ..none }).y0, full.y0);
}

#[test]
fn the_past_of_a_sample_is_all_that_counts() {
    // NaN past the end of every sample, in the input and in the cotangents, is never seen.
    let problem = Problem::random(DIMS, 0.1, 2).with_lengths();
    let lengths = problem.lengths.clone().expect("lengths");
    assert!(lengths.contains(&0));
    let mut dirty = problem.clone();
    for step in 0..DIMS.time {
        for (sample, &length) in lengths.iter().enumerate() {
            if step >= length {
                let row = step * DIMS.batch + sample;
                dirty.x[row * DIMS.input..][..DIMS.input].fill(f64::NAN);
                for array in [&mut dirty.dy, &mut dirty.dc, &mut dirty.do_, &mut dirty.dtrace] {
                    array[row * DIMS.hidden..][..DIMS.hidden].fill(f64::NAN);
                }
            }
        }
    }
    for products in [Products::Events, Products::Dense, Products::Auto] {
        let (clean, dirty) = (run::<f64>(&problem, products), run::<f64>(&dirty, products));
        common::assert_same(&dirty, &clean, "past the end");
        // A sample without a step hands the gradients of its last state on.
        let zero = lengths.iter().position(|&length| length == 0).expect("a sample of length 0");
        let gradients = [&clean.gradients.c0, &clean.gradients.y0, &clean.gradients.trace0];
        for (gradient, last) in gradients.into_iter().zip(&problem.dlast) {
            assert_eq!(gradient[zero * 70..][..70], last[zero * 70..][..70]);
        }
    }
}

#[test]
fn nan_reaches_the_outputs() {
    for products in [Products::Events, Products::Dense, Products::Auto] {
        let mut problem = Problem::random(DIMS, 0.1, 3);
        // The second sample at the second step.
        problem.x[(DIMS.batch + 1) * DIMS.input] = f64::NAN;
        let out = run::<f64>(&problem, products).outputs;
        let row = |array: &[f64], step: usize, sample: usize| {
            array[(step * DIMS.batch + sample) * DIMS.hidden..][..DIMS.hidden].to_vec()
        };
        for array in [&out.y, &out.c, &out.trace] {
            assert!(row(array, 1, 1).iter().all(|value| value.is_nan()));
            assert!(row(array, 3, 1).iter().all(|value| value.is_nan()));
            assert!(row(array, 3, 0).iter().all(|value| value.is_finite()));
        }
        assert!(run::<f64>(&problem, products).gradients.r.iter().any(|value| value.is_nan()));
    }
}

#[test]
fn infinities_do_no_harm() {
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE] {
        let mut problem = Problem::random(DIMS, 0.1, 4);
        problem.x[5] = value;
        problem.c0[7] = value;
        problem.r[11] = value;
        for products in [Products::Events, Products::Dense, Products::Auto] {
            assert_eq!(run::<f64>(&problem, products).outputs.y.len(), 4 * 3 * 70);
            assert_eq!(run::<f32>(&problem, products).outputs.y.len(), 4 * 3 * 70);
        }
    }
}
