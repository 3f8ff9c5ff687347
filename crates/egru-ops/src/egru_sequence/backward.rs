//! Autodiff of the fused operation.
//!
//! Burn's tape knows nodes with one output. So one *hub* node owns all the parents, and each differentiable
//! output is a *tail* node whose only parent is the hub. A tail leaves its gradient in slots shared with
//! the hub; the tape runs deeper nodes first, so that the hub finds all of them there and runs the
//! backward pass once. An output that the loss does not use leaves its slot empty.

use std::sync::{Arc, Mutex};

use burn::backend::{
    AutodiffBackend, Backend, TensorMetadata,
    autodiff::{
        Autodiff,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};
use egru_kernels::Wanted;

use super::op::*;
use crate::maybe::Maybe;

const PARENTS: usize = 9;
/// `y`, `c`, `o`, `trace`, and the last `c`, `y`, `trace`.
const TAILS: usize = 7;

type Slots<B> = Arc<Mutex<[Option<FloatTensor<B>>; TAILS]>>;

#[derive(Debug)]
struct Hub;

struct HubState<B: Backend> {
    inputs: SequenceInputs<B>,
    tape: SequenceTape<B>,
    slots: Slots<B>,
    settings: SequenceSettings,
}

impl<B: Backend> Clone for HubState<B> {
    fn clone(&self) -> Self {
        Self {
            inputs: self.inputs.clone(),
            tape: self.tape.clone(),
            slots: self.slots.clone(),
            settings: self.settings.clone(),
        }
    }
}

impl<B: Backend> std::fmt::Debug for HubState<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubState").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<B: EgruSequenceGrad> Backward<B, PARENTS> for Hub {
    type State = HubState<B>;

    fn backward(self, ops: Ops<HubState<B>, PARENTS>, grads: &mut Gradients, _: &mut Checkpointer) {
        // The stand-in gradient that the tails registered carries nothing.
        let _ = grads.consume::<B>(&ops.node);
        let HubState { inputs, tape, slots, settings } = ops.state;
        let [y, c, o, trace, last_c, last_y, last_trace] =
            std::mem::take(&mut *slots.lock().expect("a tail panicked")).map(Maybe::from);
        let [x, w, r, bias_w, bias_r, theta, c0, y0, trace0] =
            ops.parents.each_ref().map(Option::is_some);
        let wanted = Wanted { x, w: w || bias_w, r: r || bias_r, theta, state: c0 || y0 || trace0 };
        let g = B::egru_sequence_backward(
            inputs,
            tape,
            SequenceCotangents { y, c, o, trace, last_c, last_y, last_trace },
            wanted,
            settings,
        );
        let by_parent = [g.x, g.w, g.r, g.bias_w, g.bias_r, g.theta, g.c0, g.y0, g.trace0];
        for (parent, gradient) in ops.parents.into_iter().zip(by_parent) {
            if let (Some(parent), Maybe::Present(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Tail;

struct TailState<B: Backend> {
    slot: usize,
    stand_in: FloatTensor<B>,
    slots: Slots<B>,
}

impl<B: Backend> Clone for TailState<B> {
    fn clone(&self) -> Self {
        Self { slot: self.slot, stand_in: self.stand_in.clone(), slots: self.slots.clone() }
    }
}

impl<B: Backend> std::fmt::Debug for TailState<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TailState").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl<B: Backend> Backward<B, 1> for Tail {
    type State = TailState<B>;

    fn backward(self, ops: Ops<TailState<B>, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let TailState { slot, stand_in, slots } = ops.state;
        slots.lock().expect("a tail panicked")[slot] = Some(gradient);
        let [hub] = ops.parents;
        if let Some(hub) = hub {
            grads.register::<B>(hub.id, stand_in);
        }
    }
}

impl<B: EgruSequenceGrad, C: CheckpointStrategy> EgruSequenceBackend for Autodiff<B, C> {
    fn egru_sequence_forward(
        inputs: SequenceInputs<Self>,
        mut settings: SequenceSettings,
    ) -> SequenceOutputs<Self> {
        let (x, x_node) = inputs.x.into_parts();
        let (w, w_node) = inputs.w.into_parts();
        let (r, r_node) = inputs.r.into_parts();
        let (bias_w, bias_w_node) = inputs.bias_w.into_parts();
        let (bias_r, bias_r_node) = inputs.bias_r.into_parts();
        let (theta, theta_node) = inputs.theta.into_parts();
        let (c0, c0_node) = inputs.c0.into_parts();
        let (y0, y0_node) = inputs.y0.into_parts();
        let (trace0, trace0_node) = inputs.trace0.into_parts();
        let inner = SequenceInputs::<B> {
            x,
            w,
            r,
            bias_w,
            bias_r,
            theta,
            c0,
            y0,
            trace0,
            zoneout: inputs.zoneout.into_inner(),
            x_needs_grad: inputs.x_needs_grad.into_inner(),
        };
        let nodes = [
            x_node,
            w_node,
            r_node,
            bias_w_node,
            bias_r_node,
            theta_node,
            c0_node,
            y0_node,
            trace0_node,
        ];
        match Backward::<B, PARENTS>::prepare::<C>(Hub, nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                settings.keep.tape = true;
                let out = B::egru_sequence_forward(inner.clone(), settings.clone());
                let [u, gates] = [out.tape_u, out.tape_gates].map(|kept| {
                    kept.into_option().expect("the forward pass of a tracked call keeps its tape")
                });
                let stand_in = B::float_zeros([1].into(), &out.y.device(), out.y.dtype().into());
                let slots: Slots<B> = Arc::default();
                let state = HubState {
                    inputs: inner,
                    // Handed over but for `y`, not shared: the backward pass writes its gradients over it.
                    tape: SequenceTape { y: out.y.clone(), u, gates },
                    slots: slots.clone(),
                    settings,
                };
                let hub = prep.finish(state, stand_in.clone());
                let tail =
                    |slot: usize, output: FloatTensor<B>| match Backward::<B, 1>::prepare::<C>(
                        Tail,
                        [hub.node()],
                    )
                    .compute_bound()
                    .stateful()
                    {
                        OpsKind::Tracked(prep) => {
                            let slots = slots.clone();
                            prep.finish(
                                TailState { slot, stand_in: stand_in.clone(), slots },
                                output,
                            )
                        }
                        OpsKind::UnTracked(prep) => prep.finish(output),
                    };
                let maybe = |slot: usize, output: Maybe<B>| {
                    output.into_option().map_or(Maybe::Absent, |o| Maybe::Present(tail(slot, o)))
                };
                SequenceOutputs {
                    y: tail(0, out.y),
                    c: maybe(1, out.c),
                    o: maybe(2, out.o),
                    trace: maybe(3, out.trace),
                    window: out.window.constant(),
                    last_c: tail(4, out.last_c),
                    last_y: tail(5, out.last_y),
                    last_trace: tail(6, out.last_trace),
                    tape_u: Maybe::Absent,
                    tape_gates: Maybe::Absent,
                }
            }
            OpsKind::UnTracked(_) => {
                let out = B::egru_sequence_forward(inner, settings);
                let constant = <Self as AutodiffBackend>::from_inner;
                SequenceOutputs {
                    y: constant(out.y),
                    c: out.c.constant(),
                    o: out.o.constant(),
                    trace: out.trace.constant(),
                    window: out.window.constant(),
                    last_c: constant(out.last_c),
                    last_y: constant(out.last_y),
                    last_trace: constant(out.last_trace),
                    tape_u: Maybe::Absent,
                    tape_gates: Maybe::Absent,
                }
            }
        }
    }
}
