//! The kernels against the reference: every kind of product, at odd sizes, with every option.
#![allow(missing_docs)]

mod common;

use common::{Problem, Zone, assert_close, distance, reference, run};
use egru_kernels::{Dims, Products};
use proptest::prelude::*;

const PRODUCTS: [Products; 3] = [Products::Events, Products::Dense, Products::Auto];

fn dims(time: usize, batch: usize, input: usize, hidden: usize) -> Dims {
    Dims { time, batch, input, hidden }
}

fn agrees(problem: &Problem, context: &str) -> f64 {
    let expected = reference(problem);
    for products in PRODUCTS {
        let context = format!("{context}, {products:?}, {:?}", problem.dims);
        assert_close(&run::<f64>(problem, products), &expected, 1e-11, &context);
    }
    expected.outputs.o.iter().sum::<f64>() / expected.outputs.o.len() as f64
}

#[test]
fn odd_sizes_at_no_some_and_full_activity() {
    for (theta, low, high) in [(-5.0, 1.0, 1.0), (0.1, 0.05, 0.95), (1e30, 0.0, 0.0)] {
        for size in [
            dims(7, 5, 1, 1),
            dims(6, 3, 63, 1),
            dims(6, 3, 1, 63),
            dims(5, 2, 63, 65),
            dims(2, 1, 590, 63),
            dims(3, 2, 1, 590),
            dims(4, 1, 63, 590),
        ] {
            let activity = agrees(&Problem::random(size, theta, 1), "plain");
            let enough = size.hidden > 1;
            assert!(!enough || (low..=high).contains(&activity), "{size:?}: {activity}");
        }
    }
    agrees(&Problem::random(dims(2, 2, 3, 1350), 0.1, 2), "large");
    // More samples than a group, more units than a block of the table, more steps than fit ahead.
    for theta in [-5.0, 0.1, 1e30] {
        agrees(&Problem::random(dims(3, 35, 9, 300), theta, 3).with_lengths(), "many samples");
    }
}

#[test]
fn zoneout_lengths_and_sparse_input() {
    let plain = Problem::random(dims(6, 5, 9, 70), 0.1, 3);
    agrees(&plain.clone().with_mask(0.7), "mask");
    agrees(&Problem { zone: Zone::Keep(0.7), ..plain.clone() }, "keep");
    agrees(&plain.clone().with_lengths(), "lengths");
    agrees(&plain.clone().with_sparse_input(0.3), "sparse input");
    agrees(&plain.with_mask(0.7).with_lengths().with_sparse_input(0.3), "all of it");
}

#[test]
fn single_precision_stays_close() {
    for theta in [-5.0, 1e30] {
        // No event can flip at these thresholds, so that the difference is rounding only.
        let problem = Problem::random(dims(9, 4, 5, 130), theta, 4).with_lengths();
        let expected = reference(&problem);
        for products in PRODUCTS {
            assert_close(&run::<f32>(&problem, products), &expected, 2e-5, "f32");
        }
    }
}

#[test]
fn nothing_is_allowed() {
    for size in [dims(0, 2, 3, 4), dims(3, 0, 3, 4), dims(3, 2, 0, 4), dims(3, 2, 3, 0)] {
        agrees(&Problem::random(size, 0.1, 5), "empty");
        agrees(&Problem::random(size, 0.1, 5).with_lengths(), "empty");
    }
}

#[test]
fn a_step_at_a_time_is_the_sequence() {
    let whole = Problem::random(dims(5, 3, 4, 70), 0.1, 6);
    let expected = reference(&whole).outputs;
    let mut one = Problem { dims: dims(1, 3, 4, 70), ..whole.clone() };
    for cotangent in [&mut one.dy, &mut one.dc, &mut one.do_, &mut one.dtrace] {
        cotangent.truncate(3 * 70);
    }
    for step in 0..5 {
        one.x = whole.x[step * 3 * 4..][..3 * 4].to_vec();
        let outputs = run::<f64>(&one, Products::Events).outputs;
        let rows = step * 3 * 70..(step + 1) * 3 * 70;
        assert!(distance(&outputs.y, &expected.y[rows.clone()]) < 1e-11);
        assert!(distance(&outputs.trace, &expected.trace[rows]) < 1e-11);
        (one.y0, one.c0, one.trace0) = (outputs.y, outputs.c, outputs.trace);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(
        time in 1_usize..7,
        batch in 1_usize..5,
        input in 1_usize..20,
        hidden in 1_usize..140,
        theta in -0.5..0.6,
        seed in 0_u64..1000,
        options in 0_u8..8,
    ) {
        let mut problem = Problem::random(dims(time, batch, input, hidden), theta, seed);
        if options & 1 != 0 {
            problem = problem.with_mask(0.6);
        }
        if options & 2 != 0 {
            problem = problem.with_lengths();
        }
        if options & 4 != 0 {
            problem = problem.with_sparse_input(0.3);
        }
        agrees(&problem, "any");
    }
}
