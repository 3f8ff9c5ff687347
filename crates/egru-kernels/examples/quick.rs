//! One short sequence forward and backward: `cargo run --example quick`.
#![allow(clippy::print_stdout)]

use egru_kernels::*;

fn main() -> Result<(), ShapeError> {
    let dims = Dims { time: 20, batch: 1, input: 1, hidden: 8 };
    let Dims { time, input, hidden, .. } = dims;
    // Fixed pseudo-random weights and a sine wave as input.
    let weights = |count: usize| -> Vec<f32> {
        (0..count).map(|i| ((i as f32 + 1.0) * 12.9898).sin() * 0.9).collect()
    };
    let x: Vec<f32> = (0..time).map(|t| (t as f32 * 0.6).sin() * 2.0).collect();
    let (w, r) = (weights(input * 3 * hidden), weights(hidden * 3 * hidden));
    let (zeros, bias) = (vec![0.0; hidden], vec![0.0; 3 * hidden]);
    let inputs = Inputs {
        x: &x,
        y0: &zeros,
        c0: &zeros,
        trace0: &zeros,
        w: &w,
        r: &r,
        bias_w: &bias,
        bias_r: &bias,
        theta: &[0.2; 8],
        zoneout: Zoneout::Off,
        lengths: None,
        x_needs_grad: None,
    };
    let params = EgruParams::default();
    let sequence = Sequence { dims, params, inputs, products: Products::Events };
    let out: Outputs<Vec<f32>> = egru_forward(&sequence, Keep::ALL)?;
    for unit in 0..hidden {
        let events = (0..time).map(|t| if out.o[t * hidden + unit] > 0.0 { '|' } else { '.' });
        println!("unit {unit}  {}", events.collect::<String>());
    }
    let share = |values: &[f32]| 100.0 * values.iter().sum::<f32>() / values.len() as f32;
    println!(
        "active {:.0} %, within reach of a gradient {:.0} %",
        share(&out.o),
        share(&out.window)
    );

    // The loss is the sum of the outputs of the last step.
    let mut by_y = vec![0.0; time * hidden];
    by_y[(time - 1) * hidden..].fill(1.0);
    let grads = Cotangents { y: Some(&by_y), ..Cotangents::default() };
    let wanted = Wanted { x: true, w: false, r: false, theta: true, state: false };
    let Outputs { y, tape, .. } = out;
    let gradients = egru_backward(&sequence, &y, tape, &grads, wanted)?;
    println!("gradient by the last inputs: {:.3?}", &gradients.x[time - 4..]);
    println!("gradient by the thresholds: {:.3?}", gradients.theta);
    Ok(())
}
