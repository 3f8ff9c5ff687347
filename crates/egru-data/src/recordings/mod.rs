//! Data sets of event cameras: recordings cut into slices, and slices made into frames.
//!
//! The slices of a data set are cut once and kept on disk as events, three bytes each, in the folder that the variable `EGRU_CACHE` names or
//! else in `egru` in the user's folder of caches. Frames are made of them when a sample is asked for, so that settings of frames
//! may change, and events be changed in training, without reading the recordings again. What is in memory are the samples
//! asked for; while slices are cut, one recording.
//!
//! Values of frames are counts of events, or with `normalise = "log"` (the default) ln(1 + count): nothing of it is taken
//! from data, so that training and test cannot differ in it.

mod cache;
mod codec;
mod gestures;
mod nmnist;
mod published;
mod simulated;
mod split;

pub use gestures::{Cut, Protocol};
pub use nmnist::NmnistConfig;
pub use published::Dvs128Config;
pub use simulated::GestureSimConfig;
pub use split::Normalise;
