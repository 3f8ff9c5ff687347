use egru_data::events::{
    Event, EventError, Sensor,
    denoise::BackgroundFilter,
    frames::{FrameConfig, FrameCounter, Frames, PolarityMode, Pooling, frames},
    voxel::{VoxelConfig, voxels},
};
use proptest::prelude::*;

use crate::support::event;

const SENSOR: Sensor = Sensor { width: 5, height: 3 };
const MODES: [PolarityMode; 4] =
    [PolarityMode::Mean, PolarityMode::Diff, PolarityMode::Bool, PolarityMode::Both];

fn config(polarity: PolarityMode, shrink: u16, pooling: Pooling) -> FrameConfig {
    FrameConfig { window: 10, polarity, shrink, pooling }
}

/// Counts by the definition, value by value.
fn naive(events: &[Event], steps: usize, config: &FrameConfig) -> Vec<f32> {
    let FrameConfig { window, polarity, shrink, pooling } = *config;
    let (rows, columns) = (SENSOR.height.div_ceil(shrink), SENSOR.width.div_ceil(shrink));
    let mut values = Vec::new();
    for step in 0..steps as i64 {
        let count = |bit: u8, x: u16, y: u16| {
            let here =
                |e: &&Event| (e.x, e.y, e.polarity.bit()) == (x, y, bit) && e.t / window == step;
            events.iter().filter(here).count() as f32
        };
        let pooled = |bit: u8, row: u16, column: u16| {
            let square = (0..SENSOR.height)
                .flat_map(|y| (0..SENSOR.width).map(move |x| (x, y)))
                .filter(|(x, y)| (x / shrink, y / shrink) == (column, row))
                .map(|(x, y)| count(bit, x, y));
            match pooling {
                Pooling::Sum => square.sum(),
                Pooling::Max => square.fold(0.0, f32::max),
            }
        };
        for picture in 0..polarity.polarities() {
            for row in 0..rows {
                for column in 0..columns {
                    let (off, on) = (pooled(0, row, column), pooled(1, row, column));
                    values.push(match polarity {
                        PolarityMode::Mean => (off + on) / 2.0,
                        PolarityMode::Diff => on - off,
                        PolarityMode::Bool => f32::from(off + on > 0.0),
                        PolarityMode::Both => [off, on][picture],
                    });
                }
            }
        }
    }
    values
}

fn ordered_events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec((0_i64..45, 0_u16..5, 0_u16..3, 0_u8..2), 0..120).prop_map(|mut all| {
        all.sort_unstable();
        all.into_iter().map(|(t, x, y, p)| event(t, x, y, p)).collect()
    })
}

proptest! {
    #[test]
    fn frames_are_what_the_definition_says(events in ordered_events(), shrink in 1_u16..7) {
        for polarity in MODES {
            for pooling in [Pooling::Sum, Pooling::Max] {
                let config = config(polarity, shrink, pooling);
                let made = frames(&events, 0..45, SENSOR, &config).unwrap();
                prop_assert_eq!(made.steps, 5);
                prop_assert_eq!(made.polarities * made.rows * made.columns * 5, made.values.len());
                prop_assert_eq!(made.values, naive(&events, 5, &config));
            }
        }
    }

    #[test]
    fn a_voxel_grid_keeps_every_event(events in ordered_events(), bins in 1_usize..9, shrink in 1_u16..4) {
        let config = VoxelConfig { bins, polarity: PolarityMode::Both, shrink };
        let grid = voxels(&events, 0..45, SENSOR, &config).unwrap();
        let sum: f32 = grid.values.iter().sum();
        prop_assert!((sum - events.len() as f32).abs() < 1e-3, "{} {}", sum, events.len());
        prop_assert!(grid.values.iter().all(|&value| value >= 0.0));
    }
}

#[test]
fn a_voxel_grid_weighs_by_the_distance_in_time() {
    let events = [event(0, 0, 0, 1), event(13, 1, 0, 1), event(40, 2, 0, 0), event(99, 3, 0, 1)];
    let config = VoxelConfig { bins: 5, polarity: PolarityMode::Diff, shrink: 1 };
    let grid = voxels(&events, 0..41, SENSOR, &config).unwrap();
    let at = |bin: usize, x: usize| grid.values[bin * SENSOR.pixels() + x];
    assert_eq!((at(0, 0), at(4, 2)), (1.0, -1.0));
    assert!((at(1, 1) - 0.7).abs() < 1e-6 && (at(2, 1) - 0.3).abs() < 1e-6);
    assert_eq!(grid.values.iter().filter(|value| **value != 0.0).count(), 4);
    // Neither one bin nor one moment divides by zero.
    for (bins, end) in [(1, 41), (5, 1), (1, 1)] {
        let config = VoxelConfig { bins, ..config };
        let grid = voxels(&events[..1], 0..end, SENSOR, &config).unwrap();
        assert_eq!(grid.values[0], 1.0);
    }
    assert!(voxels(&events, 5..5, SENSOR, &config).is_err());
    assert!(voxels(&events, 0..5, SENSOR, &VoxelConfig { bins: 0, ..config }).is_err());
}

#[test]
fn frame_after_frame_is_the_same_as_all_at_once() {
    let events: Vec<Event> =
        (0..40).map(|t| event(t, (t % 5) as u16, (t % 3) as u16, (t % 2) as u8)).collect();
    let config = config(PolarityMode::Both, 2, Pooling::Max);
    let Frames { values, .. } = frames(&events, 0..40, SENSOR, &config).unwrap();
    let mut counter = FrameCounter::new(SENSOR, &config).unwrap();
    let mut live = Vec::new();
    for window in events.chunks(10) {
        let mut frame = vec![9.0; counter.len()];
        window.iter().for_each(|event| counter.add(event).unwrap());
        counter.finish(&mut frame);
        live.extend(frame);
    }
    assert_eq!(live, values);
}

#[test]
fn unusable_settings_and_events_are_refused() {
    let good = FrameConfig::default();
    let refused = |events: &[Event], span, config: &FrameConfig| {
        frames(events, span, SENSOR, config).expect_err("a refusal").to_string()
    };
    assert!(refused(&[], 0..9, &FrameConfig { window: 0, ..good }).starts_with("window = 0"));
    assert!(refused(&[], 0..9, &FrameConfig { shrink: 0, ..good }).starts_with("shrink = 0"));
    assert!(refused(&[event(1, 5, 0, 0)], 0..9, &good).contains("outside of the 5x3"));
    assert!(refused(&[event(1, 0, 0, 0), event(0, 0, 0, 0)], 0..9, &good).contains("earlier"));
    let endless = FrameConfig { window: 1, ..good };
    assert!(refused(&[], i64::MIN..i64::MAX, &endless).contains("more than the limit"));
    let huge = Sensor { width: u16::MAX, height: u16::MAX };
    assert!(matches!(
        frames(&[], 0..9, huge, &good),
        Err(EventError::Setting { field: "sensor", .. })
    ));
    assert_eq!(frames(&[], 9..9, SENSOR, &good).unwrap().steps, 0);
}

#[test]
fn the_filter_keeps_what_moves_and_drops_what_flickers() {
    let sensor = Sensor { width: 32, height: 32 };
    let mut filter = BackgroundFilter::new(sensor, 1000).unwrap();
    // A hot pixel in a corner, alone; an edge that goes through the picture; one event at the far corner.
    let mut events: Vec<Event> = (0..100).map(|n| event(n * 100, 0, 0, 1)).collect();
    events.extend((0..31).map(|n| event(n * 300, n as u16, 20, 0)));
    events.push(event(10_000, 31, 31, 1));
    events.sort_by_key(|event| event.t);
    let kept: Vec<Event> = events.iter().copied().filter(|event| filter.keep(event)).collect();
    assert_eq!(kept.len(), 30); // all of the edge but its first
    assert!(kept.iter().all(|event| event.y == 20));
    assert_eq!(filter.removed(), 102);
    assert!(!filter.keep(&event(10_000, 32, 0, 1)));
    assert!(BackgroundFilter::new(sensor, 0).is_err());
}

#[test]
fn the_window_of_the_filter_is_inclusive() {
    let mut filter = BackgroundFilter::new(SENSOR, 10).unwrap();
    assert!(!filter.keep(&event(0, 1, 1, 0)));
    assert!(filter.keep(&event(10, 2, 2, 0)));
    assert!(!filter.keep(&event(21, 1, 1, 0)));
}
