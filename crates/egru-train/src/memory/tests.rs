use std::cell::RefCell;

use egru::cells::{Egru, Gru};

use super::*;
use crate::opened::{Opened, test_session};

fn estimate<C: Cell>(changes: &[(&str, &str)]) -> Estimate {
    let opened: Opened<C> = test_session("quickstart", changes);
    opened.estimate().unwrap()
}

fn part(estimate: &Estimate, start: &str) -> f64 {
    estimate.parts.iter().find(|part| part.name.starts_with(start)).unwrap().bytes
}

#[test]
fn parameters_are_counted_as_the_network_has_them() {
    for layers in ["[8]", "[8, 5, 11]"] {
        let opened: Opened<Egru> = test_session("quickstart", &[("model.layers", layers)]);
        // Value, gradient and two moments of 4 bytes; the head's bias is left out.
        let bias = opened.network.output_size();
        let expected = 16 * (opened.network.num_params() - bias);
        assert_eq!(part(&opened.estimate().unwrap(), "parameters"), expected as f64, "{layers}");
    }
}

#[test]
fn the_tape_grows_with_the_batch_the_layers_and_what_is_kept() {
    let quick = estimate::<Egru>(&[]);
    let tape = |changes: &[(&str, &str)]| part(&estimate::<Egru>(changes), "states");
    let double = opened_batch(2);
    assert_eq!(tape(&[("training.batch_size", &double)]), 2.0 * part(&quick, "states"));
    assert!(tape(&[("model.layers", "[64, 64]")]) > 2.0 * tape(&[("model.layers", "[64]")]));
    let off = [("regularise.activity.weight", "0"), ("model.readout", "last-output")];
    let with = |more: (&'static str, &'static str)| tape(&[off[0], off[1], more]);
    assert!(with(("regularise.state.weight", "1")) > tape(&off), "`c` is kept");
    assert!(
        part(&estimate::<Gru>(&[off[0], off[1], ("model.cell.type", "gru")]), "states")
            > tape(&off)
    );
}

fn opened_batch(times: usize) -> String {
    let opened: Opened<Egru> = test_session("quickstart", &[]);
    (times * opened.recipe.training.batch_size).to_string()
}

#[test]
fn what_cannot_fit_is_refused_and_what_may_not_is_told() {
    let quick = estimate::<Egru>(&[]);
    let notices = RefCell::new(Vec::new());
    let notice = |text| notices.borrow_mut().push(text);
    let needs = quick.total() as u64;
    let machine = |total, free| Some(Memory { total, free });
    quick.compare(machine(100 * needs, 50 * needs), &notice).unwrap();
    quick.compare(None, &notice).unwrap();
    assert_eq!(notices.take(), Vec::<String>::new());

    quick.compare(machine(100 * needs, needs / 2), &notice).unwrap();
    let told = notices.take().pop().unwrap();
    assert!(told.contains("estimated") && told.contains("lowers it"), "{told}");

    let error = quick.compare(machine(needs / 3, needs / 3), &notice).unwrap_err();
    assert!(matches!(error, TrainError::Memory { .. }));
    assert!(error.to_string().contains("lower "), "{error}");
}

#[test]
fn absurd_sizes_are_absurd_figures() {
    let opened: Opened<Egru> = test_session("quickstart", &[]);
    let mut recipe = opened.recipe.clone();
    recipe.model.layers = vec![10_000_000_000];
    let estimate = Estimate::of::<Egru>(&recipe, &opened.splits, 10, &opened.options).unwrap();
    // On a device whose memory nobody knows, too.
    let error = estimate.compare(None, &|_| {}).unwrap_err().to_string();
    assert!(error.contains("model.layers"), "{error}");
}

#[test]
fn bytes_are_told_in_the_units_of_people() {
    let told = [0.0, 999.0, 1500.0, 13.04e9, 4.8e21].map(shown);
    assert_eq!(told, ["0 bytes", "999 bytes", "1.5 kB", "13.0 GB", "4800 EB"]);
}
