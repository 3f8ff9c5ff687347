//! The same numbers on every instruction set, and the same bits for every number of threads.
//! One test, because it sets what the whole process uses.
#![allow(missing_docs)]

mod common;

use common::{Problem, Results, assert_close, assert_same, run};
use egru_kernels::*;

/// Large enough that three threads take part.
fn problem(time: usize, batch: usize, input: usize, hidden: usize) -> Problem {
    let dims = Dims { time, batch, input, hidden };
    Problem::random(dims, 0.1, 9).with_mask(0.8).with_lengths().with_sparse_input(0.3)
}

/// Compares what each number of threads computes with `expected`, and with each other.
fn for_every_count(problem: &Problem, products: Products, expected: &Results) {
    let context = format!("{:?}, {:?}, {products:?}", problem.dims, simd_level());
    set_threads(1);
    let single = run::<f64>(problem, products);
    let single_f32 = run::<f32>(problem, products);
    assert_close(&single, expected, 1e-12, &context);
    for count in [2, 3] {
        set_threads(count);
        assert_eq!(threads(), count);
        let several = run::<f64>(problem, products);
        if products == Products::Events {
            assert_same(&several, &single, &context);
            assert_same(&run::<f32>(problem, products), &single_f32, &context);
        } else {
            assert_close(&several, &single, 1e-12, &context);
            assert_same(&run::<f64>(problem, products), &several, &context);
        }
    }
    let first = run::<f32>(problem, products);
    assert_same(&run::<f32>(problem, products), &first, &context);
}

#[test]
fn threads_and_instruction_sets() {
    for problem in [
        problem(5, 3, 63, 590),
        // Few channels.
        problem(5, 3, 5, 590),
        // Too short for `R` to be packed.
        problem(3, 5, 63, 590),
        // One step.
        problem(1, 3, 63, 1350),
        // Few units.
        problem(5, 2, 63, 63),
    ] {
        set_threads(1);
        assert!(set_simd_level(SimdLevel::Portable));
        let portable = run::<f64>(&problem, Products::Events);
        for level in simd_levels() {
            assert!(set_simd_level(level));
            assert_eq!(simd_level(), level);
            for_every_count(&problem, Products::Events, &portable);
        }
        // The dense products are the same code at every level.
        for products in [Products::Dense, Products::Auto] {
            for_every_count(&problem, products, &portable);
        }
    }
    set_threads(0);
    assert!(threads() >= 1);
}
