//! The seven real clips of DVS128 Gesture under EGRU_DATA, through the network of the recipe `dvs128`; without them the test
//! says that it does nothing.

use std::io::Write;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use egru::cells::Egru;
use egru::{EncoderDraws, InputShape, Network, NetworkConfig};
use egru_data::DatasetConfig as _;
use egru_data::events::{self, Sensor, frames};
use egru_data::recordings::Dvs128Config;
use egru_train::{Recipe, Registry};

/// Frames of each clip that go through the network: the test is about shapes, and is not to take long.
const FRAMES: usize = 6;

#[test]
fn real_clips_are_read_framed_and_classified() {
    let recipe = Registry::default().resolve(&Recipe::named("dvs128").unwrap()).unwrap();
    assert_eq!(
        (recipe.data.name.as_str(), recipe.task.name.as_str()),
        (Dvs128Config::NAME, "voting")
    );
    let data: Dvs128Config = recipe.data.config.clone().try_into().unwrap();
    let clip = |class: usize| {
        let root = std::env::var_os("EGRU_DATA").map(PathBuf::from)?;
        Some(root.join(format!("dvs128/clips/{class}.bs2"))).filter(|path| path.exists())
    };
    let Some(paths) = (1..=7).map(clip).collect::<Option<Vec<_>>>() else {
        let _ = writeln!(std::io::stderr(), "skipped: no dvs128/clips under EGRU_DATA");
        return;
    };
    let mut values = Vec::new();
    for path in &paths {
        let events = events::open(path, None).unwrap().read_all().unwrap();
        let (start, end) = (events[0].t, events[events.len() - 1].t);
        let all = frames::frames(&events, start..end + 1, Sensor::DVS128, &data.frames).unwrap();
        assert!((56..=60).contains(&all.steps), "{} frames", all.steps);
        assert_eq!((all.polarities, all.rows, all.columns), (1, 128, 128));
        // The mean of two polarities: half of the events.
        let sum: f64 = all.values.iter().copied().map(f64::from).sum();
        assert_eq!(sum * 2.0, events.len() as f64);
        values.push(all.values[..FRAMES * 128 * 128].to_vec());
    }
    let device = Device::flex();
    device.seed(1);
    let model = recipe.model;
    let config = NetworkConfig {
        encoder: model.encoder,
        layers: model.layers,
        readout: model.readout,
        cell: model.cell.config.try_into().unwrap(),
        ..NetworkConfig::default()
    };
    let shape = InputShape::Frames { polarities: 1, rows: 128, columns: 128 };
    let network = Network::<Egru>::init(&config, shape, 11, &device).unwrap();
    // [B, T, pixels], and time first.
    let data = TensorData::new(values.concat(), [paths.len(), FRAMES, 128 * 128]);
    let x = Tensor::<3>::from_data(data, &device).swap_dims(0, 1);
    // What the stack reads of the clips differs; the units are silent before they are trained, with thresholds this high.
    let features = network.encoder.forward(x.clone().into(), &EncoderDraws::default()).unwrap();
    assert_eq!(features.dims(), [FRAMES, 7, 512]);
    let features: Vec<f32> = features.into_data().iter::<f32>().collect();
    let last = &features[(FRAMES - 1) * 7 * 512..];
    assert!(last.chunks(512).skip(1).all(|other| other != &last[..512]));
    let (logits, _) = network.forward(x, None);
    assert_eq!(logits.dims(), [7, 11]);
    assert!(logits.into_data().iter::<f32>().all(f32::is_finite));
}
