use egru_data::events::{
    Event, EventError, in_order,
    labels::Label,
    slice::{self, Slice},
    stats::Stats,
};
use proptest::prelude::*;

use crate::support::event;

fn at(times: &[i64]) -> Vec<Event> {
    times.iter().zip(0..).map(|(&t, x)| event(t, x, 0, 0)).collect()
}

#[test]
fn windows_of_time_fill_the_span() {
    let events = at(&[5, 10, 10, 19, 20, 41, 99]);
    let windows: Vec<Slice> = slice::by_time(&events, 10..45, 10).unwrap().collect();
    let found: Vec<_> = windows.iter().map(|w| (w.span.clone(), w.events.len())).collect();
    assert_eq!(found, [(10..20, 3), (20..30, 1), (30..40, 0), (40..45, 1)]);
    assert_eq!(slice::by_time(&events, 10..10, 5).unwrap().count(), 0);
    assert!(slice::by_time(&events, 0..10, 0).is_err());
    // The end of time is no trap, and a huge span costs nothing until it is walked.
    let last = slice::by_time(&events, i64::MAX - 3..i64::MAX, 2).unwrap();
    assert_eq!(
        last.map(|w| w.span).collect::<Vec<_>>(),
        [i64::MAX - 3..i64::MAX - 1, i64::MAX - 1..i64::MAX]
    );
    assert_eq!(slice::by_time(&events, i64::MIN..i64::MAX, 1).unwrap().take(3).count(), 3);
}

#[test]
fn runs_of_events_keep_the_last_short_one() {
    let events = at(&[1, 2, 3, 4, 5]);
    let runs: Vec<_> =
        slice::by_count(&events, 2).unwrap().map(|run| (run.span, run.events.len())).collect();
    assert_eq!(runs, [(1..3, 2), (3..5, 2), (5..6, 1)]);
    assert!(slice::by_count(&events, 0).is_err());
    assert_eq!(slice::by_count(&[], 3).unwrap().count(), 0);
}

#[test]
fn labels_that_overlap_share_events() {
    let events = at(&[10, 20, 30, 40]);
    let labels = [Label { class: 9, start: 10, end: 31 }, Label { class: 10, start: 30, end: 40 }];
    let parts: Vec<Vec<i64>> = slice::by_label(&events, &labels)
        .unwrap()
        .map(|(_, part)| part.events.iter().map(|event| event.t).collect())
        .collect();
    assert_eq!(parts, [vec![10, 20, 30], vec![30]]);
}

#[test]
fn disorder_is_refused_and_can_be_mended() {
    let mut events = at(&[1, 3, 2, 2, 5]);
    assert!(matches!(
        slice::by_time(&events, 0..9, 1).err(),
        Some(EventError::Unordered { index: 2 })
    ));
    assert!(slice::by_count(&events, 1).is_err());
    assert!(slice::by_label(&events, &[]).is_err());
    assert_eq!(in_order(&mut events), 1);
    // Equal times stay in their order.
    assert_eq!(events.iter().map(|event| event.x).collect::<Vec<_>>(), [0, 2, 3, 1, 4]);
}

#[test]
fn stats_count_everything() {
    let mut events = [event(10, 0, 0, 1), event(2_000_010, 0, 0, 0), event(9, 0, 0, 1)];
    events[1].valid = false;
    let stats: Stats = events.iter().collect();
    assert_eq!((stats.count, stats.on, stats.off), (3, 2, 1));
    assert_eq!((stats.unmarked, stats.out_of_order), (1, 1));
    assert_eq!((stats.first, stats.last, stats.duration()), (Some(9), Some(2_000_010), 2_000_001));
    let text = stats.to_string();
    assert!(text.contains("2.000001 s") && text.contains("66.67 %"), "{text}");
    let none = Stats::default();
    assert_eq!((none.duration(), none.rate()), (0, None));
    assert!(none.to_string().contains("unknown"));
}

proptest! {
    #[test]
    fn a_slice_is_what_a_mask_selects(
        mut times in prop::collection::vec(0_i64..200, 0..60),
        start in 0_i64..200,
        length in 1_i64..100,
    ) {
        times.sort_unstable();
        let events = at(&times);
        let label = [Label { class: 1, start, end: start + length }];
        let part = slice::by_label(&events, &label).unwrap().next().unwrap().1;
        let masked: Vec<Event> =
            events.iter().copied().filter(|event| label[0].span().contains(&event.t)).collect();
        prop_assert_eq!(part.events, &masked[..]);
        let windows: Vec<Event> = slice::by_time(&events, 0..200, length)
            .unwrap()
            .flat_map(|part| part.events.to_vec())
            .collect();
        prop_assert_eq!(windows, events);
    }
}
