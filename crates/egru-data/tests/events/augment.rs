use egru_data::events::{
    Event, Sensor,
    augment::{self, EventAugment},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::support::event;

const SENSOR: Sensor = Sensor::DVS128;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A grid of pixels over time: 16,384 events, one a pixel.
fn recording() -> Vec<Event> {
    (0..128 * 128)
        .map(|n| event(1000 + i64::from(n) * 10, n % 128, n / 128, (n % 2) as u8))
        .collect()
}

fn is_ordered(events: &[Event]) -> bool {
    events.windows(2).all(|pair| pair[0].t <= pair[1].t)
}

#[test]
fn the_same_generator_gives_the_same_change() {
    let all = EventAugment {
        time_jitter: 500.0,
        space_jitter: 1.0,
        drop_time: 0.2,
        drop_area: 0.2,
        drop_events: 0.2,
        flip_polarity: 0.5,
        flip_horizontal: 0.5,
    };
    let change = |seed| {
        let mut events = recording();
        let done = all.apply(&mut events, SENSOR, &mut rng(seed)).unwrap();
        assert!(is_ordered(&events) && events.iter().all(|event| SENSOR.holds(event.x, event.y)));
        (events, done)
    };
    assert_eq!(change(1), change(1));
    assert_ne!(change(1).0, change(2).0);
    let mirrored = (0..100).filter(|&seed| change(seed).1.mirrored).count();
    assert!((30..70).contains(&mirrored), "{mirrored}");
}

#[test]
fn the_default_changes_nothing_and_draws_nothing() {
    let (mut events, mut untouched) = (recording(), rng(1));
    let done = EventAugment::default().apply(&mut events, SENSOR, &mut untouched).unwrap();
    assert!(!done.mirrored);
    assert_eq!(events, recording());
    assert_eq!(untouched, rng(1));
}

#[test]
fn jitter_in_time_has_its_deviation_and_stays_in_the_recording() {
    let mut events = recording();
    augment::jitter_time(&mut events, 200.0, &mut rng(3));
    assert!(is_ordered(&events));
    assert!(events[0].t >= 1000 && events[events.len() - 1].t <= 1000 + 163_830);
    let moved = |event: &Event| {
        let before = 1000 + (i64::from(event.y) * 128 + i64::from(event.x)) * 10;
        (event.t - before) as f64
    };
    let count = events.len() as f64;
    let deviation = (events.iter().map(|e| moved(e).powi(2)).sum::<f64>() / count).sqrt();
    assert!((190.0..210.0).contains(&deviation), "{deviation}");
    assert!((events.iter().map(moved).sum::<f64>() / count).abs() < 5.0);
}

#[test]
fn jitter_in_space_moves_pixels_and_drops_what_leaves() {
    let middle: Vec<Event> = (0..10_000).map(|t| event(t, 64, 64, 0)).collect();
    let mut events = middle.clone();
    augment::jitter_space(&mut events, 2.0, SENSOR, &mut rng(4));
    assert_eq!(events.len(), middle.len());
    let variance = events.iter().map(|e| (f64::from(e.x) - 64.0).powi(2)).sum::<f64>() / 10_000.0;
    assert!((3.8..4.4).contains(&variance), "{variance}"); // 4, and a twelfth for rounding
    let mut edge: Vec<Event> = (0..1000).map(|t| event(t, 0, 64, 0)).collect();
    augment::jitter_space(&mut edge, 5.0, SENSOR, &mut rng(4));
    assert!((400..620).contains(&edge.len()), "{}", edge.len());
}

#[test]
fn a_hole_in_time_has_its_length() {
    for seed in 0..20 {
        let mut events = recording();
        augment::drop_time(&mut events, 0.25, &mut rng(seed));
        let kept = events.len() as f64 / 16_384.0;
        assert!((kept - 0.75).abs() < 0.001, "{kept}");
        let gaps = events.windows(2).filter(|pair| pair[1].t - pair[0].t > 10).count();
        assert!(gaps <= 1);
    }
    let mut all = recording();
    augment::drop_time(&mut all, 1.0, &mut rng(1));
    assert!(all.is_empty());
    augment::drop_time(&mut all, 0.5, &mut rng(1));
}

#[test]
fn a_hole_in_the_picture_has_its_area() {
    for seed in 0..20 {
        let mut events = recording();
        augment::drop_area(&mut events, 0.25, SENSOR, &mut rng(seed));
        assert_eq!(16_384 - events.len(), 64 * 64);
    }
}

#[test]
fn events_are_dropped_with_the_probability_asked_for() {
    let mut events = recording();
    augment::drop_events(&mut events, 0.3, &mut rng(5));
    let kept = events.len() as f64 / 16_384.0;
    assert!((0.68..0.72).contains(&kept), "{kept}");
}

#[test]
fn flips_undo_themselves() {
    let mut events = recording();
    augment::flip_polarity(&mut events);
    augment::flip_horizontal(&mut events, SENSOR);
    assert_eq!((events[0].x, events[0].polarity.bit()), (127, 1));
    augment::flip_polarity(&mut events);
    augment::flip_horizontal(&mut events, SENSOR);
    assert_eq!(events, recording());
}

#[test]
fn settings_outside_of_their_range_are_named() {
    let refused = |augment: EventAugment| augment.check().unwrap_err().to_string();
    let none = EventAugment::default();
    assert!(refused(EventAugment { drop_area: 1.5, ..none }).starts_with("drop_area = 1.5"));
    assert!(refused(EventAugment { flip_polarity: -0.1, ..none }).starts_with("flip_polarity"));
    assert!(refused(EventAugment { time_jitter: f64::NAN, ..none }).starts_with("time_jitter"));
}
