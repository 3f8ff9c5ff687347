//! The product with a sparse operand: which kernels run, on which memory.

use burn::backend::ops::FloatTensorOps;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;
use egru_kernels::{LinearWanted, Products};

use super::plan;
use super::product::{COLUMNS, clear_unwanted, event_product, wanted_product};
use super::tensors::{buffer, element, empty, narrowed, reshape, rounded, sum_rows};
use crate::Execution;
use crate::event_linear::{LinearGradients, LinearInputs};
use crate::maybe::Maybe;

/// `events @ weight + bias`.
pub(super) fn forward(i: LinearInputs<CubeBackend>, execution: Execution) -> CubeTensor {
    let weights = execution.weights;
    match execution.products {
        Products::Events => events_product(
            into_contiguous(i.events),
            narrowed(i.weight, weights),
            Some(into_contiguous(i.bias)),
        ),
        Products::Auto | Products::Dense => {
            let [columns] = i.bias.meta.shape().dims();
            let bias = reshape(i.bias, &[1, columns]);
            into_contiguous(CubeBackend::float_add(
                CubeBackend::float_matmul(i.events, rounded(i.weight, weights)),
                bias,
            ))
        }
    }
}

/// Gradients from that of the output.
pub(super) fn backward(
    i: LinearInputs<CubeBackend>,
    cotangent: CubeTensor,
    wanted: LinearWanted,
    execution: Execution,
) -> LinearGradients<CubeBackend> {
    let cotangent = into_contiguous(cotangent);
    let needs = i.needs_grad.map(into_contiguous);
    LinearGradients {
        events: Maybe::when(wanted.operand, || {
            operand_gradient(cotangent.clone(), i.weight, needs, execution)
        }),
        bias: Maybe::when(wanted.bias, || sum_rows(cotangent.clone())),
        weight: Maybe::when(wanted.weight, || {
            weight_gradient(into_contiguous(i.events), cotangent, execution.products)
        }),
    }
}

/// `events^T @ gradient`: of a source that sent nothing a row of zeros.
pub(super) fn weight_gradient(
    events: CubeTensor,
    gradient: CubeTensor,
    products: Products,
) -> CubeTensor {
    let transposed = CubeBackend::float_swap_dims(events, 0, 1);
    match products {
        Products::Events => events_product(into_contiguous(transposed), gradient, None),
        Products::Auto | Products::Dense => {
            into_contiguous(CubeBackend::float_matmul(transposed, gradient))
        }
    }
}

/// `gradient @ weight^T` where it is needed, else zero.
fn operand_gradient(
    gradient: CubeTensor,
    weight: CubeTensor,
    needs: Maybe<CubeBackend>,
    Execution { products, weights, .. }: Execution,
) -> CubeTensor {
    let [n, m] = gradient.meta.shape().dims();
    let [k, _] = weight.meta.shape().dims();
    match (needs, products) {
        (Maybe::Present(needs), Products::Events) => {
            let (client, out) = (gradient.client.clone(), empty(&gradient, &[n, k]));
            let weight = narrowed(weight, weights);
            let units = plan::units_for(&client.properties().hardware, k.max(m));
            wanted_product::launch(
                &client,
                plan::one_each(&client, n, 1),
                CubeDim::new_1d(units as u32),
                buffer(&gradient),
                buffer(&weight),
                buffer(&needs),
                buffer(&out),
                n,
                k,
                m,
                units,
                [element(&gradient), element(&weight)],
            );
            out
        }
        (needs, _) => {
            let transposed = CubeBackend::float_swap_dims(rounded(weight, weights), 0, 1);
            let all = into_contiguous(CubeBackend::float_matmul(gradient, transposed));
            if let Maybe::Present(needs) = needs {
                let (client, places) = (all.client.clone(), all.meta.num_elements());
                let (count, dim) = plan::cover(&client, places);
                let (needs, values) = (buffer(&needs), buffer(&all));
                clear_unwanted::launch(&client, count, dim, needs, values, places, element(&all));
            }
            all
        }
    }
}

fn events_product(events: CubeTensor, weight: CubeTensor, bias: Option<CubeTensor>) -> CubeTensor {
    let [n, k] = events.meta.shape().dims();
    let [_, m] = weight.meta.shape().dims();
    let (client, out) = (events.client.clone(), empty(&events, &[n, m]));
    let units = plan::units_for(&client.properties().hardware, m.div_ceil(COLUMNS));
    event_product::launch(
        &client,
        plan::one_each(&client, n, m.div_ceil(units * COLUMNS)),
        CubeDim::new_1d(units as u32),
        buffer(&events),
        buffer(&weight),
        buffer(bias.as_ref().unwrap_or(&weight)),
        buffer(&out),
        n,
        k,
        m,
        bias.is_some(),
        units,
        [element(&events), element(&weight)],
    );
    out
}
