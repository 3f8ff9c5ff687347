//! Events: readers on good files, damaged ones and noise; parts, frames and changes of events; the published data.

mod aedat;
mod augment;
mod bs2;
mod dvs128;
mod formats;
mod frames;
mod labels;
mod real;
mod slices;
mod support;
