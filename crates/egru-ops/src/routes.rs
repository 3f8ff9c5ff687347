//! The way from an operation to the backends that have kernels for it.

/// Declares a trait of an operation and routes it to the backends that have kernels: the one list of them. The forward pass
/// begins with `Autodiff =>`; its gradient, which autodiff calls and nobody else, does not.
macro_rules! with_kernels {
    (Autodiff => $($operation:tt)*) => {
        with_kernels! { @on [Autodiff,] $($operation)* }
    };
    (@on [$($autodiff:tt)*] $($operation:tt)*) => {
        #[burn::backend::backend_extension(
            $($autodiff)*
            NdArray: cfg(feature = "ndarray"),
            Flex: cfg(feature = "flex"),
            LibTorch: cfg(feature = "tch"),
            Cube: cfg(feature = "cube"),
            Fusion: cfg(feature = "fusion")
        )]
        $($operation)*
    };
    ($($operation:tt)*) => {
        with_kernels! { @on [] $($operation)* }
    };
}
pub(crate) use with_kernels;
