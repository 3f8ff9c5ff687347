//! The recurrent state: always explicit, never hidden in a module.

use std::fmt::Debug;

use burn::tensor::{Bool, Int, Tensor};

use crate::CellError;

/// What a cell carries from one step to the next: one or more tensors `[B, H]`.
///
/// A state struct gets this trait, and with it everything below, from [`cell_state!`](crate::cell_state):
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use egru::CellState;
///
/// #[derive(Clone, Debug)]
/// struct Leaky {
///     membrane: Tensor<2>,
/// }
/// egru::cell_state!(Leaky { membrane });
///
/// let state = Leaky { membrane: Tensor::zeros([3, 4], &Device::flex()) };
/// let kept = state.detach().select(Tensor::from_ints([2, 0], &Device::flex()));
/// assert_eq!(kept.batch(), 2);
/// assert_eq!(Leaky::NAMES, ["membrane"]);
/// ```
pub trait CellState: Clone + Debug + Send + Sync + 'static {
    /// The tensors' names, in the order of [`into_tensors`](Self::into_tensors).
    const NAMES: &'static [&'static str];

    /// The tensors, each `[B, H]`.
    fn into_tensors(self) -> Vec<Tensor<2>>;

    /// The state made of these tensors.
    ///
    /// # Errors
    /// [`CellError::State`] unless there is one tensor per name.
    fn from_tensors(tensors: Vec<Tensor<2>>) -> Result<Self, CellError>;

    /// The state with `f` applied to each tensor.
    fn map(self, f: impl FnMut(Tensor<2>) -> Tensor<2>) -> Self {
        let tensors = self.into_tensors().into_iter().map(f).collect();
        Self::from_tensors(tensors).expect("a state takes the tensors that it gave")
    }

    /// Samples in the batch.
    fn batch(&self) -> usize {
        self.clone().into_tensors().first().map_or(0, |tensor| tensor.dims()[0])
    }

    /// The same values without their history: where truncated back-propagation stops.
    fn detach(self) -> Self {
        self.map(Tensor::detach)
    }

    /// The state of the given samples, in that order: to drop finished ones, or to reorder.
    fn select(self, samples: Tensor<1, Int>) -> Self {
        self.map(|tensor| tensor.select(0, samples.clone()))
    }

    /// `previous` where `over` (`[B, 1]`) is true, else this state.
    fn hold(self, previous: Self, over: &Tensor<2, Bool>) -> Self {
        let mut previous = previous.into_tensors().into_iter();
        self.map(|new| match previous.next() {
            Some(old) => new.clone().mask_where(over.clone().expand(new.dims()), old),
            None => new,
        })
    }
}

/// Makes a struct of tensors a [`CellState`]: `cell_state!(Type { field, field })`, every field a
/// `Tensor<2>`.
#[macro_export]
macro_rules! cell_state {
    ($state:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::CellState for $state {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];

            fn into_tensors(self) -> Vec<burn::tensor::Tensor<2>> {
                vec![$(self.$field),+]
            }

            fn from_tensors(
                tensors: Vec<burn::tensor::Tensor<2>>,
            ) -> Result<Self, $crate::CellError> {
                const N: usize = [$(stringify!($field)),+].len();
                let [$($field),+]: [burn::tensor::Tensor<2>; N] =
                    tensors.try_into().map_err(|tensors: Vec<_>| $crate::CellError::State {
                        got: vec![format!("{} tensors", tensors.len())],
                        expected: Self::NAMES.iter().map(|name| name.to_string()).collect(),
                    })?;
                Ok(Self { $($field),+ })
            }
        }
    };
}

/// The states of a stack's layers, bottom first.
#[derive(Clone, Debug)]
pub struct StackState<S> {
    /// One per layer.
    pub layers: Vec<S>,
}

impl<S: CellState> StackState<S> {
    /// Samples in the batch.
    pub fn batch(&self) -> usize {
        self.layers.first().map_or(0, CellState::batch)
    }

    /// The same values without their history.
    pub fn detach(self) -> Self {
        Self { layers: self.layers.into_iter().map(CellState::detach).collect() }
    }

    /// What was emitted alone: of event-based cells the output `y`, with its `trace` and `window`; all else becomes
    /// zero. The state of a cell without events stays as it is.
    pub fn emitted(self) -> Self {
        if !S::NAMES.contains(&"y") {
            return self;
        }
        let only = |layer: S| {
            let mut names = S::NAMES.iter();
            layer.map(|tensor| match names.next() {
                Some(&("y" | "trace" | "window")) => tensor,
                _ => tensor.zeros_like(),
            })
        };
        Self { layers: self.layers.into_iter().map(only).collect() }
    }

    /// The state of the given samples, in that order.
    pub fn select(self, samples: Tensor<1, Int>) -> Self {
        let layers = self.layers.into_iter();
        Self { layers: layers.map(|layer| layer.select(samples.clone())).collect() }
    }

    /// All tensors with unique names (`0.c`, `0.y`, ...), each `[B, H]`: what a checkpoint stores.
    pub fn into_tensors(self) -> Vec<(String, Tensor<2>)> {
        let layers = self.layers.into_iter().enumerate();
        layers
            .flat_map(|(k, layer)| {
                let names = S::NAMES.iter().map(move |name| format!("{k}.{name}"));
                names.zip(layer.into_tensors())
            })
            .collect()
    }

    /// The inverse of [`into_tensors`](Self::into_tensors).
    ///
    /// # Errors
    /// [`CellError::State`] when the names are not those of this kind of state.
    pub fn from_tensors(tensors: Vec<(String, Tensor<2>)>) -> Result<Self, CellError> {
        let count = tensors.len().div_ceil(S::NAMES.len().max(1));
        let expected: Vec<String> = (0..count)
            .flat_map(|k| S::NAMES.iter().map(move |name| format!("{k}.{name}")))
            .collect();
        let (got, tensors): (Vec<String>, Vec<Tensor<2>>) = tensors.into_iter().unzip();
        if got != expected {
            return Err(CellError::State { got, expected });
        }
        let layers =
            tensors.chunks(S::NAMES.len().max(1)).map(|chunk| S::from_tensors(chunk.to_vec()));
        Ok(Self { layers: layers.collect::<Result<_, _>>()? })
    }
}
