//! The linear layer with a sparse operand against plain loops.
#![allow(missing_docs)]

mod common;

use common::distance;
use common::rand_like::Random;
use egru_kernels::*;
use proptest::prelude::*;

const ALL: LinearWanted = LinearWanted { operand: true, weight: true, bias: true };

/// Output, and gradients by operand, weight and bias.
fn reference(
    [n, k, m]: [usize; 3],
    [events, weight, bias, grad, needs]: [&[f64]; 5],
) -> [Vec<f64>; 4] {
    let mut result = [vec![0.0; n * m], vec![0.0; n * k], vec![0.0; k * m], vec![0.0; m]];
    for i in 0..n {
        for l in 0..m {
            result[0][i * m + l] = bias[l];
            result[3][l] += grad[i * m + l];
            for j in 0..k {
                result[0][i * m + l] += events[i * k + j] * weight[j * m + l];
                result[2][j * m + l] += events[i * k + j] * grad[i * m + l];
                if needs[i * k + j] != 0.0 {
                    result[1][i * k + j] += weight[j * m + l] * grad[i * m + l];
                }
            }
        }
    }
    result
}

fn agrees(sizes: [usize; 3], share: f64, seed: u64) {
    let [n, k, m] = sizes;
    let mut random = Random(seed);
    let events = random.sparse(n * k, 1.0, share);
    let needs = random.sparse(n * k, 1.0, share.max(0.4));
    let (weight, bias) = (random.values(k * m, 1.0), random.values(m, 1.0));
    let grad = random.values(n * m, 1.0);
    let expected = reference(sizes, [&events, &weight, &bias, &grad, &needs]);
    for products in [Products::Events, Products::Dense, Products::Auto] {
        let linear = Linear { n, k, m, events: &events, weight: &weight, products };
        let forward = |bias| event_linear_forward::<_, Vec<_>>(&linear, bias);
        let out = forward(Some(&bias)).expect("shapes fit");
        let no_bias = forward(None).expect("shapes fit");
        let with_bias: Vec<f64> =
            no_bias.iter().enumerate().map(|(i, value)| value + bias[i % m]).collect();
        assert!(distance(&with_bias, &out) < 1e-13);
        let got = event_linear_backward::<_, Vec<_>>(&linear, Some(&needs), &grad, ALL)
            .expect("shapes fit");
        let got = [out, got.operand, got.weight, got.bias];
        for (which, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let error = distance(got, expected);
            assert!(error < 1e-12, "{sizes:?} {products:?}: result {which} is off by {error:e}");
        }
    }
}

#[test]
fn larger_than_any_block() {
    agrees([700, 65, 201], 0.2, 1);
    agrees([3, 300, 2500], 0.15, 2);
    agrees([40, 130, 1025], 1.0, 3);
    // More rows than one cut of a table, and than a block of sums.
    agrees([1100, 70, 97], 0.3, 6);
    agrees([70, 1100, 97], 0.3, 7);
    agrees([5, 7, 9], 0.0, 4);
    for sizes in [[0, 3, 4], [3, 0, 4], [3, 4, 0]] {
        agrees(sizes, 0.5, 5);
    }
}

#[test]
fn only_what_is_wanted() {
    let none = LinearWanted { operand: false, weight: false, bias: false };
    let (events, weight) = (&[1.0, 0.0], &[1.0, 2.0]);
    let linear = Linear { n: 1, k: 2, m: 1, events, weight, products: Products::Auto };
    let got = event_linear_backward::<_, Vec<_>>(&linear, None, &[3.0], none);
    let empty = LinearGradients { operand: vec![], weight: vec![], bias: vec![] };
    assert_eq!(got, Ok(empty));
    // Without a mask the gradient of the operand is wanted everywhere.
    let want = LinearWanted { operand: true, ..none };
    let linear = Linear { products: Products::Events, ..linear };
    let got = event_linear_backward::<_, Vec<_>>(&linear, None, &[3.0], want);
    assert_eq!(got.map(|got| got.operand), Ok(vec![3.0, 6.0]));
}

#[test]
fn only_exact_zeros_are_skipped() {
    let nan = f64::NAN;
    let (events, weight) = (&[nan, 0.0, 0.0, 1.0], &[nan, 1.0]);
    let linear = Linear { n: 2, k: 2, m: 1, events, weight, products: Products::Events };
    let out = event_linear_forward::<_, Vec<_>>(&linear, None).expect("shapes fit");
    assert!(out[0].is_nan());
    assert_eq!(out[1], 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(
        n in 1_usize..40,
        k in 1_usize..150,
        m in 1_usize..150,
        share in 0.0..1.0,
        seed in 0_u64..1000,
    ) {
        agrees([n, k, m], share, seed);
    }
}
