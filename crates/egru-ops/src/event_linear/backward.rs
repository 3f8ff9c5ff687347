//! Autodiff of the fused operation.

use burn::backend::{
    AutodiffBackend, Backend,
    autodiff::{
        Autodiff,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};
use egru_kernels::LinearWanted;

use super::op::*;
use crate::Execution;
use crate::maybe::Maybe;

#[derive(Debug)]
struct Product;

#[derive(Clone)]
struct ProductState<B: Backend> {
    inputs: LinearInputs<B>,
    execution: Execution,
}

impl<B: Backend> std::fmt::Debug for ProductState<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProductState").field("execution", &self.execution).finish_non_exhaustive()
    }
}

impl<B: EventLinearGrad> Backward<B, 3> for Product {
    type State = ProductState<B>;

    fn backward(self, ops: Ops<ProductState<B>, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let [operand, weight, bias] = ops.parents.each_ref().map(Option::is_some);
        let wanted = LinearWanted { operand, weight, bias };
        let ProductState { inputs, execution } = ops.state;
        let g = B::event_linear_backward(inputs, cotangent, wanted, execution);
        for (parent, gradient) in ops.parents.into_iter().zip([g.events, g.weight, g.bias]) {
            if let (Some(parent), Maybe::Present(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: EventLinearGrad, C: CheckpointStrategy> EventLinearBackend for Autodiff<B, C> {
    fn event_linear_forward(inputs: LinearInputs<Self>, execution: Execution) -> FloatTensor<Self> {
        let (events, events_node) = inputs.events.into_parts();
        let (weight, weight_node) = inputs.weight.into_parts();
        let (bias, bias_node) = inputs.bias.into_parts();
        let needs_grad = inputs.needs_grad.into_inner();
        let inner = LinearInputs::<B> { events, weight, bias, needs_grad };
        let nodes = [events_node, weight_node, bias_node];
        match Backward::<B, 3>::prepare::<C>(Product, nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let out = B::event_linear_forward(inner.clone(), execution);
                prep.finish(ProductState { inputs: inner, execution }, out)
            }
            OpsKind::UnTracked(_) => {
                <Self as AutodiffBackend>::from_inner(B::event_linear_forward(inner, execution))
            }
        }
    }
}
