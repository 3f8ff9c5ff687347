//! Layers by Burn's conventions: `new`, `with_...`, `init`.

use burn::tensor::Device;

use crate::{
    Cell, CellError, Layer,
    cells::{Egru, Elstm, EventConfig, GatedConfig, Gru, Lstm},
    error::or_panic,
};

/// A layer to be made: its sizes, and its cell's constants with their defaults.
///
/// ```
/// use burn::tensor::Device;
/// use egru::{EgruConfig, LstmConfig};
///
/// let device = Device::flex();
/// let events = EgruConfig::new(8, 64).with_threshold_mean(0.1).with_dropconnect(0.5).init(&device);
/// assert_eq!(events.cell.weights.r.dims(), [64, 3 * 64]);
/// let dense = LstmConfig::new(8, 64).with_gain(2.0).init(&device);
/// assert_eq!(dense.cell.weights.r.dims(), [64, 4 * 64]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LayerConfig<C: Cell, K = <C as Cell>::Config> {
    /// Input channels.
    pub d_input: usize,
    /// Units.
    pub d_hidden: usize,
    /// The cell's constants.
    pub cell: K,
    of: std::marker::PhantomData<fn() -> C>,
}

/// A layer of [`Egru`] cells.
pub type EgruConfig = LayerConfig<Egru>;
/// A layer of [`Elstm`] cells.
pub type ElstmConfig = LayerConfig<Elstm>;
/// A layer of [`Gru`] cells.
pub type GruConfig = LayerConfig<Gru>;
/// A layer of [`Lstm`] cells.
pub type LstmConfig = LayerConfig<Lstm>;

impl<C: Cell> LayerConfig<C> {
    /// A layer with these many input channels and units.
    pub fn new(d_input: usize, d_hidden: usize) -> Self {
        let cell = C::Config::default();
        Self { d_input, d_hidden, cell, of: std::marker::PhantomData }
    }

    /// With all constants of the cell.
    pub fn with_cell(self, cell: C::Config) -> Self {
        Self { cell, ..self }
    }

    /// The layer, on `device`.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) gives an error, with its message.
    pub fn init(&self, device: &Device) -> Layer<C> {
        or_panic(self.try_init(device))
    }

    /// The layer, on `device`.
    ///
    /// # Errors
    /// [`CellError::Config`] for a value out of range, or a size of zero.
    pub fn try_init(&self, device: &Device) -> Result<Layer<C>, CellError> {
        Layer::init(&self.cell, self.d_input, self.d_hidden, device)
    }
}

/// `with_...` for each constant of a cell's configuration.
macro_rules! setters {
    ($config:ident { $($set:ident: $field:ident),+ $(,)? }) => {
        impl<C: Cell<Config = $config>> LayerConfig<C, $config> {
            $(
                #[doc = concat!("With this [`", stringify!($field), "`](", stringify!($config), "::", stringify!($field), ").")]
                pub fn $set(mut self, $field: f64) -> Self {
                    self.cell.$field = $field;
                    self
                }
            )+
        }
    };
}

setters! { GatedConfig { with_gain: gain, with_dropconnect: dropconnect, with_zoneout: zoneout } }
setters! {
    EventConfig {
        with_gain: gain,
        with_dropconnect: dropconnect,
        with_zoneout: zoneout,
        with_threshold_mean: threshold_mean,
        with_alpha: alpha,
        with_gamma: gamma,
        with_eps: eps,
    }
}
