//! The whole path on a GPU, or on software Vulkan: `apt-get install mesa-vulkan-drivers`.
#![cfg(feature = "wgpu")]

const PROGRAM: &str = env!("CARGO_BIN_EXE_egru-gpu");

#[path = "../../egru-cpu/tests/common/mod.rs"]
mod common;

#[test]
fn does_everything() {
    common::does_everything_on("wgpu");
}

#[test]
#[cfg(target_os = "linux")]
fn a_machine_without_a_device_is_told_what_to_install() {
    let output = common::program()
        .args(["train", "quickstart"])
        // What the Vulkan and OpenGL loaders look for.
        .env("VK_DRIVER_FILES", "/nonexistent")
        .env("VK_ICD_FILENAMES", "/nonexistent")
        .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent")
        .output()
        .unwrap();
    let error = common::text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("mesa-vulkan-drivers") && !error.contains("panic"), "{error}");
}

#[test]
fn a_device_without_enough_memory_is_told_what_to_lower() {
    // 4.6 GB in one buffer, more than the sizes of wgpu's buffers can say.
    let error = common::fails(&["bench", "smnist", "--batch", "10000", "--pass", "train"], 1);
    assert!(error.contains("out of memory") && error.contains("training.batch_size"), "{error}");
}
