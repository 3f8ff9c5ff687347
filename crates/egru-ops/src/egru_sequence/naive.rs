//! The law: the EGRU in plain differentiable tensor operations.

use burn::tensor::{Bool, Tensor, TensorData};
use egru_kernels::EgruParams;

use super::{EgruInputs, EgruOutputs, EgruState, Zoneout};
use crate::{heaviside, unstack};

pub(super) fn egru_sequence(inputs: EgruInputs, params: &EgruParams) -> EgruOutputs {
    let [_, batch, _] = inputs.x.dims();
    let [hidden] = inputs.theta.dims();
    let theta = inputs.theta.unsqueeze::<2>();
    let bias_w = inputs.bias_w.unsqueeze::<2>();
    let bias_r = inputs.bias_r.unsqueeze::<2>();
    let gate = |x: &Tensor<2>, k: usize| x.clone().slice([0..batch, k * hidden..(k + 1) * hidden]);

    let EgruState { mut c, mut y, mut trace } = inputs.state;
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
        let mut c_new = u - o.clone() * theta.clone();
        let mut trace_new = trace.clone() * params.alpha + y.clone() * (1.0 - params.alpha);
        if let Some(lengths) = &inputs.lengths {
            let over: Vec<bool> =
                lengths.iter().flat_map(|&n| std::iter::repeat_n(t >= n, hidden)).collect();
            let over =
                Tensor::<2, Bool>::from_data(TensorData::new(over, [batch, hidden]), &c.device());
            c_new = c_new.mask_where(over.clone(), c.detach());
            trace_new = trace_new.mask_where(over.clone(), trace.detach());
            [y, o, window] = [y, o, window].map(|x| x.mask_fill(over.clone(), 0.0));
        }
        (c, trace) = (c_new, trace_new);
        for (all, now) in series.iter_mut().zip([&y, &c, &o, &trace, &window]) {
            all.push(now.clone());
        }
    }
    let [y, c, o, trace, window] = series.map(|all| Tensor::stack(all, 0));
    EgruOutputs { y, c, o, trace, window }
}

/// Through `tanh`, since Burn's own sigmoid rounds to f32 on some backends, in f64 too.
fn sigmoid(x: Tensor<2>) -> Tensor<2> {
    x.mul_scalar(0.5).tanh().mul_scalar(0.5).add_scalar(0.5)
}
