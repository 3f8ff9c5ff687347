//! The cells: one file each, with its equation and source.
//!
//! | cell | name | events | source |
//! |---|---|---|---|
//! | [`Egru`] | `egru` | over a GRU | Subramoney et al. 2023 |
//! | [`Elstm`] | `elstm` | over an LSTM | composition, see the module |
//! | [`Gru`] | `gru` | none | Cho et al. 2014, in cuDNN's form |
//! | [`Lstm`] | `lstm` | none | Hochreiter & Schmidhuber 1997, Gers et al. 2000 |

pub mod egru;
pub mod elstm;
pub mod gated;
pub mod gru;
pub mod lstm;

pub use egru::Egru;
pub use elstm::Elstm;
pub use gated::{EventConfig, GatedConfig, GatedDraws, GatedWeights};
pub use gru::Gru;
pub use lstm::Lstm;
