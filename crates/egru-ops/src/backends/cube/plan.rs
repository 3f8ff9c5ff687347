//! The choice between the forms, and the sizes of cubes.
//!
//! What a product skips is known on the device only, and reading it back would stop the host at every call. So the
//! rule goes by what the host knows: sizes. `egru-gpu bench --products events,dense` measures both sides of it on
//! a device, `scripts/gpu-check.sh` records them.

use cubecl::calculate_cube_count_elemwise;
use cubecl::client::Client;
use cubecl::ir::HardwareProperties;
use cubecl::prelude::*;
use egru_kernels::Products;

use super::lists::{DOTS, LANES};

/// Samples from which the dense form is taken where the caller leaves it open. The walk keeps one cube for
/// each sample: its time grows with the number of samples as soon as they are more than the device runs at once,
/// whereas the matrix products of the library get better with it.
const DENSE_FROM: usize = 512;

/// How a sequence runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Event-driven: a cube of so many units walks all steps of a sample.
    Walk {
        /// Units of a cube.
        units: usize,
    },
    /// A kernel and a product of the library for each step.
    Steps,
}

/// The form of a sequence of `batch` samples on a layer of `hidden` units.
pub(super) fn form(
    client: &Client,
    products: Products,
    [batch, hidden]: [usize; 2],
    bytes_of_number: usize,
) -> Form {
    let hardware = &client.properties().hardware;
    let units = walk_units(hardware, hidden, bytes_of_number)
        .filter(|_| batch <= hardware.max_cube_count.0 as usize);
    match (products, units) {
        (Products::Events, Some(units)) => Form::Walk { units },
        (Products::Auto, Some(units)) if batch < DENSE_FROM => Form::Walk { units },
        _ => Form::Steps,
    }
}

/// Units of a cube that works on rows of `width`: each gets equally many places, and a whole number of planes.
pub(super) fn units_for(hardware: &HardwareProperties, width: usize) -> usize {
    let most = most_units(hardware);
    units_in(width, width.div_ceil(most)).min(most)
}

/// Units of a cube that walks: as many as leave room for the lists in shared memory, if any do.
fn walk_units(
    hardware: &HardwareProperties,
    hidden: usize,
    bytes_of_number: usize,
) -> Option<usize> {
    (hidden.div_ceil(most_units(hardware))..=hidden.div_ceil(LANES))
        .map(|turns| units_in(hidden, turns).min(most_units(hardware)))
        .find(|&units| {
            walk_bytes(hidden, units, bytes_of_number) <= hardware.max_shared_memory_size
        })
}

/// Units that get through a row of `width` in so many turns.
fn units_in(width: usize, turns: usize) -> usize {
    width.div_ceil(turns).next_multiple_of(LANES)
}

fn most_units(hardware: &HardwareProperties) -> usize {
    let most = hardware.max_units_per_cube.min(hardware.max_cube_dim.0) as usize;
    (most / LANES).max(1) * LANES
}

/// Shared memory of the walk backward, which takes more than that forward.
fn walk_bytes(hidden: usize, units: usize, bytes_of_number: usize) -> usize {
    let numbers = 4 * hidden + DOTS * units;
    let places = hidden + units;
    numbers * bytes_of_number + places * size_of::<u32>()
}

/// Cubes enough for one unit at each of `places`.
pub(super) fn cover(client: &Client, places: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(client, places);
    (calculate_cube_count_elemwise(client, places, dim), dim)
}

/// A cube for each row and block of columns: the rows along x, and along z as often as x does not hold them.
pub(super) fn one_each(client: &Client, rows: usize, blocks: usize) -> CubeCount {
    let most = client.properties().hardware.max_cube_count.0 as usize;
    let along_z = rows.div_ceil(most);
    CubeCount::Static(rows.div_ceil(along_z) as u32, blocks as u32, along_z as u32)
}
