//! Recordings of gestures that nobody made: moving arms, drawn and seen by a model of an event camera.
//!
//! A scene of a person before a wall is drawn every two milliseconds; every pixel reports when its logarithm of light has changed by
//! a threshold, as the pixels of a camera do, with a refractory period, noise and hot pixels ([`CameraConfig`]). The
//! eleven gestures are those of DVS128 Gesture and differ in how arms move: clockwise and counter-clockwise are the same
//! pictures in another order. Users differ in body, place, tempo and clothes, lights in contrast and noise.
//!
//! Everything follows from the seed. A recording is made step by step: memory does not grow with its length.
//!
//! ```
//! use egru_data::events::{dvs128::Dvs128, simulate::{Simulation, write_dvs128}};
//! # let folder = std::env::temp_dir().join(format!("egru-simulate-example-{}", std::process::id()));
//! let simulation = Simulation { users: 3, test_users: 1, lights: 1, seconds: 0.05, ..Simulation::default() };
//! write_dvs128(&folder, &simulation, &mut |name, events| println!("{name}: {events} events"))?;
//! assert_eq!(Dvs128::open(&folder)?.trials().count(), 3);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), egru_data::events::EventError>(())
//! ```

mod body;
mod camera;
mod gesture;
mod recording;
mod scene;
mod write;

pub use camera::CameraConfig;
pub use recording::{LIGHTS, SimulatedRecording, Simulation};
pub use write::write_dvs128;
