//! Samples side by side: order, padding, and what contradicts a spec.

use egru_data::{
    Batch, BatchTargets, DataError, Draw, Inputs, Layout, Output, Sample, SequenceDataset, Spec,
    Target, Window,
};

/// Sequences of `index + 1` steps, each value 10 * index + step; two channels.
struct Ragged {
    spec: Spec,
    bad_label: bool,
}

impl Ragged {
    fn new(bad_label: bool) -> Self {
        let output = Output::PerStep { classes: 4 };
        Self {
            spec: Spec {
                name: "ragged".into(),
                steps: 4,
                layout: Layout::Flat { channels: 2 },
                output,
            },
            bad_label,
        }
    }
}

impl SequenceDataset for Ragged {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn len(&self) -> usize {
        4
    }
    fn sample(&self, index: usize, _draw: Option<Draw>) -> Result<Sample, DataError> {
        let steps = index + 1;
        let inputs = (0..steps).flat_map(|t| [(10 * index + t) as f32; 2]).collect();
        let label = if self.bad_label { 4 } else { index };
        let labels = (0..steps).map(|t| (t + 1 == steps).then_some(label)).collect();
        Ok(Sample { inputs: Inputs::Values(inputs), steps, target: Target::Classes(labels) })
    }
}

#[test]
fn pads_to_the_longest_and_is_time_first() {
    let batch = Batch::collate(&Ragged::new(false), &[2, 0]).unwrap();
    assert_eq!((batch.steps, batch.batch, batch.channels), (3, 2, 2));
    let expected = vec![20., 20., 0., 0., 21., 21., 0., 0., 22., 22., 0., 0.];
    assert_eq!(batch.inputs, Inputs::Values(expected));
    assert_eq!(batch.lengths, Some(vec![3, 1]));
    assert_eq!(
        batch.targets,
        BatchTargets::PerStep(vec![None, Some(0), None, None, Some(2), None])
    );
    assert_eq!(batch.indices, [2, 0]);
}

#[test]
fn equal_lengths_need_no_list() {
    assert_eq!(Batch::collate(&Ragged::new(false), &[1, 1]).unwrap().lengths, None);
}

#[test]
fn a_label_beyond_the_classes_is_refused_by_name_and_index() {
    let message = Batch::collate(&Ragged::new(true), &[1]).unwrap_err().to_string();
    assert!(message.contains("`ragged`, sample 1: label 4"), "{message}");
}

#[test]
fn no_indices_make_no_batch() {
    let error = Batch::collate(&Ragged::new(false), &[]).unwrap_err();
    assert!(matches!(error, DataError::Empty { .. }));
}

/// One item, whatever it says it is.
struct One(Spec, Sample);

impl SequenceDataset for One {
    fn spec(&self) -> &Spec {
        &self.0
    }
    fn len(&self) -> usize {
        1
    }
    fn sample(&self, _index: usize, _draw: Option<Draw>) -> Result<Sample, DataError> {
        Ok(self.1.clone())
    }
}

fn refused(layout: Layout, inputs: Inputs) -> String {
    let spec = Spec { name: "one".into(), steps: 4, layout, output: Output::Value };
    let sample = Sample { inputs, steps: 2, target: Target::Value(0.0) };
    Batch::collate(&One(spec, sample), &[0]).unwrap_err().to_string()
}

#[test]
fn inputs_that_contradict_the_layout_are_refused() {
    let (flat, tokens) = (Layout::Flat { channels: 2 }, Layout::Tokens { vocabulary: 5 });
    let frames = Layout::Frames { polarities: 2, rows: 3, columns: 4 };
    let values = |count| Inputs::Values(vec![0.0; count]);
    for (message, expected) in [
        (refused(flat, values(3)), "3 input values, where 2 steps x 2 channels are needed"),
        (refused(frames, values(4)), "4 input values, where 2 steps x 24 channels are needed"),
        (refused(Layout::Flat { channels: 0 }, values(0)), "x 0 channels"),
        (refused(tokens, values(2)), "values, where the spec says tokens"),
        (refused(flat, Inputs::Tokens(vec![1; 4])), "tokens, where the spec says values"),
        (refused(tokens, Inputs::Tokens(vec![4, 5])), "token 5, where the spec has 5"),
    ] {
        assert!(message.contains("`one`, sample 0: ") && message.contains(expected), "{message}");
    }
}

#[test]
fn a_window_holds_the_steps_it_names() {
    let window = Window { items: vec![3, 2], steps: Some(1..3), carries: true, rate: 0.5 };
    let batch = Batch::of_window(&Ragged::new(false), &window, None).unwrap();
    let expected = vec![31., 31., 21., 21., 32., 32., 22., 22.];
    assert_eq!(batch.inputs, Inputs::Values(expected));
    assert_eq!(batch.targets, BatchTargets::PerStep(vec![None, None, None, Some(2)]));
    assert_eq!((batch.steps, &batch.lengths), (2, &None));
    assert_eq!((batch.start, batch.carries, batch.rate), (1, true, 0.5));
    // Item 1 has two steps only.
    let beyond = Window { items: vec![3, 1], ..window };
    let error = Batch::of_window(&Ragged::new(false), &beyond, None).unwrap_err().to_string();
    assert!(error.contains("sample 1: steps 1..3 were asked for, and it has 2"), "{error}");
}

#[test]
fn tokens_are_laid_side_by_side() {
    let spec = Spec {
        name: "one".into(),
        steps: 2,
        layout: Layout::Tokens { vocabulary: 5 },
        output: Output::Value,
    };
    let target = Target::Value(1.5);
    let sample = Sample { inputs: Inputs::Tokens(vec![4, 3]), steps: 2, target };
    let batch = Batch::collate(&One(spec, sample), &[0, 0]).unwrap();
    assert_eq!(batch.inputs, Inputs::Tokens(vec![4, 4, 3, 3]));
    assert_eq!((batch.channels, batch.targets), (1, BatchTargets::Values(vec![1.5; 2])));
}
