//! Times on burn-flex, Burn's portable CPU backend.

mod common;

fn main() {
    common::run("flex", &burn::tensor::Device::flex());
}
