//! The law: the EGRU in plain differentiable tensor operations.

use burn::tensor::{Bool, Tensor, TensorData};
use egru_kernels::EgruParams;

use super::types::{EgruInputs, EgruOutputs, EgruState, Keep, Zoneout};
use crate::{heaviside, unstack};

pub(super) fn egru_sequence(inputs: EgruInputs, params: &EgruParams) -> EgruOutputs {
    let [_, batch, _] = inputs.x.dims();
    let [hidden] = inputs.theta.dims();
    let theta = inputs.theta.unsqueeze::<2>();
    let bias_w = inputs.bias_w.unsqueeze::<2>();
    let bias_r = inputs.bias_r.unsqueeze::<2>();
    let gate = |x: &Tensor<2>, k: usize| x.clone().slice([0..batch, k * hidden..(k + 1) * hidden]);

    let EgruState { mut c, mut y, mut trace } = inputs.state;
    // The output of each sample's last step, where `y` goes on with zeros.
    let mut last_y = y.clone();
    let mut series: [Vec<Tensor<2>>; 5] = Default::default();
    for (t, x) in unstack(inputs.x).into_iter().enumerate() {
        let a = x.matmul(inputs.w.clone()) + bias_w.clone();
        let h = y.matmul(inputs.r.clone()) + bias_r.clone();
        let z = sigmoid(gate(&a, 0) + gate(&h, 0));
        let r = sigmoid(gate(&a, 1) + gate(&h, 1));
        let g = (gate(&a, 2) + r * gate(&h, 2)).tanh();
        let u = z.clone() * c.clone() + z.neg().add_scalar(1.0) * g;
        let u = match &inputs.zoneout {
            Zoneout::Off => u,
            Zoneout::Mask(mask) => {
                let m = mask.clone().slice([t..t + 1]).squeeze_dim::<2>(0);
                m.clone() * u + m.neg().add_scalar(1.0) * c.clone()
            }
            Zoneout::Keep(keep) => u * *keep + c.clone() * (1.0 - keep),
        };
        let v = u.clone() - theta.clone();
        let in_reach = v.clone().detach().abs().lower_elem(1.0 / params.eps);
        let mut o = heaviside(v, params.gamma, params.eps);
        let mut window = o.clone().detach().mask_fill(in_reach, 1.0);
        y = o.clone() * u.clone();
        let mut after = EgruState {
            c: u - o.clone() * theta.clone(),
            y: y.clone(),
            trace: trace.clone() * params.alpha + y.clone() * (1.0 - params.alpha),
        };
        let (mut c_shown, mut trace_shown) = (after.c.clone(), after.trace.clone());
        if let Some(lengths) = &inputs.lengths {
            let over: Vec<bool> =
                lengths.iter().flat_map(|&n| std::iter::repeat_n(t >= n, hidden)).collect();
            let over =
                Tensor::<2, Bool>::from_data(TensorData::new(over, [batch, hidden]), &c.device());
            let held = |now: Tensor<2>, before: Tensor<2>| now.mask_where(over.clone(), before);
            // A state that is held hands its gradient on, the series past the end takes none.
            (c_shown, trace_shown) =
                (held(c_shown, c.clone().detach()), held(trace_shown, trace.clone().detach()));
            after = EgruState {
                c: held(after.c, c),
                y: held(after.y, last_y),
                trace: held(after.trace, trace),
            };
            [y, o, window] = [y, o, window].map(|x| x.mask_fill(over.clone(), 0.0));
        }
        (c, last_y, trace) = (after.c, after.y, after.trace);
        for (all, now) in series.iter_mut().zip([&y, &c_shown, &o, &trace_shown, &window]) {
            all.push(now.clone());
        }
    }
    let state = EgruState { c, y: last_y, trace };
    let Keep { c, o, trace, window } = inputs.keep;
    let [all_y, all_c, all_o, all_trace, all_window] = series;
    let stack = |kept: bool, all: Vec<Tensor<2>>| kept.then(|| Tensor::stack(all, 0));
    EgruOutputs {
        y: Tensor::stack(all_y, 0),
        c: stack(c, all_c),
        o: stack(o, all_o),
        trace: stack(trace, all_trace),
        window: stack(window, all_window),
        state,
    }
}

/// Through `tanh`, since Burn's own sigmoid rounds to f32 on some backends, in f64 too.
fn sigmoid(x: Tensor<2>) -> Tensor<2> {
    x.mul_scalar(0.5).tanh().mul_scalar(0.5).add_scalar(0.5)
}
