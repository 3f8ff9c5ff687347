//! The whole path on libtorch.
#![cfg(feature = "tch")]

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-tch");

#[path = "../../egru-cpu/tests/common/mod.rs"]
mod common;

#[test]
fn does_everything() {
    common::does_everything_on("tch");
}

#[test]
fn a_device_that_libtorch_lacks_is_told_what_to_do() {
    for (device, remedy) in [("tch:cuda:64", "CUDA"), ("tch:tpu", "`cpu`, `cuda`")] {
        let error = common::fails(&["train", "quickstart", "--backend", device], 2);
        assert!(error.contains(remedy), "{error}");
    }
}
