//! Times on burn-ndarray, deprecated upstream in favour of burn-flex: to drop it, delete this file and its
//! mentions in `Cargo.toml`.

mod common;

#[allow(deprecated)]
fn main() {
    common::run("ndarray", &burn::tensor::Device::ndarray());
}
