//! The nonlinearities of the gates, for the units of one block of one sample at a time.
//!
//! Each kind is computed for all registers before the next: one register after the other would wait for one long chain of
//! operations at a time.

use pulp::Simd;

use crate::Float;
use crate::events::CHUNK;
use crate::lanes::{load, registers, store};

/// What the gates of one block of units let through.
pub(crate) struct Activations<F> {
    z: [F; CHUNK],
    r: [F; CHUNK],
    /// Until [`Activations::close`] what it is the hyperbolic tangent of.
    g: [F; CHUNK],
    /// The recurrent part of the candidate.
    h_g: [F; CHUNK],
}

impl<F: Float> Activations<F> {
    /// Room for one block, of which nothing is computed yet.
    pub fn new() -> Self {
        let none = [F::ZERO; CHUNK];
        Self { z: none, r: none, g: none, h_g: none }
    }

    /// The sigmoids of `width` units, from their products with the input and with the units before.
    #[inline(always)]
    pub fn open<S: Simd>(
        &mut self,
        simd: S,
        start: usize,
        width: usize,
        a: [&[F]; 3],
        h: [&[F]; 3],
    ) {
        let (a, h) = (a.map(|a| &a[..width]), h.map(|h| &h[..width]));
        let (zs, rs) = (&mut self.z[start..][..width], &mut self.r[start..][..width]);
        let (gs, h_gs) = (&mut self.g[start..][..width], &mut self.h_g[start..][..width]);
        for k in 0..registers::<S, F>(width) {
            let z = F::plus(simd, load(simd, a[0], k), load(simd, h[0], k));
            let r = F::plus(simd, load(simd, a[1], k), load(simd, h[1], k));
            let (z, r, h_g) = (F::sigmoid(simd, z), F::sigmoid(simd, r), load(simd, h[2], k));
            store(simd, zs, k, z);
            store(simd, rs, k, r);
            store(simd, gs, k, F::mul_add(simd, r, h_g, load(simd, a[2], k)));
            store(simd, h_gs, k, h_g);
        }
    }

    /// The hyperbolic tangents of the first `width` units; returns their `z`, `r`, `g` and `h_g`.
    #[inline(always)]
    pub fn close<S: Simd>(&mut self, simd: S, width: usize) -> [&[F]; 4] {
        let g = &mut self.g[..width];
        for k in 0..registers::<S, F>(width) {
            let value = F::tanh(simd, load(simd, g, k));
            store(simd, g, k, value);
        }
        [&self.z[..width], &self.r[..width], g, &self.h_g[..width]]
    }
}
