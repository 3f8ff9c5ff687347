//! Regularisers and activity reports against numbers worked out by hand.

mod common;

use burn::tensor::{Device, Tensor};
use common::{devices, input, values};
use egru::activity::{HeadActivity, LayerActivity, footprint_bytes};
use egru::cells::{Egru, Gru};
use egru::{
    ActivityReport, CellError, EventSeries, InputShape, Keep, Network, NetworkConfig, Readout,
    SequenceOptions, SequenceOutput, Stack, regularise,
};

/// Two steps, two samples, two units: three events; six places in reach.
fn output(device: &Device) -> SequenceOutput {
    let series = |values: [[[f32; 2]; 2]; 2]| Tensor::<3>::from_floats(values, device);
    SequenceOutput {
        y: series([[[0.5, 0.0], [0.0, 0.7]], [[0.0, 0.0], [0.0, 0.9]]]),
        c: Some(series([[[0.1, 0.2], [0.3, 0.4]], [[-0.1, -0.2], [0.6, 0.5]]])),
        events: Some(EventSeries {
            o: Some(series([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]]])),
            trace: None,
            window: Some(series([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])),
        }),
    }
}

fn scalar(tensor: Tensor<1>) -> f64 {
    tensor.into_scalar::<f32>().into()
}

#[test]
fn activation_and_its_change_by_hand() {
    for (_, device) in devices() {
        let layer = output(&device);
        let near = |got: Tensor<1>, expected: f64| {
            let got = scalar(got);
            assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
        };
        near(regularise::activation(&layer, None), (0.25 + 0.49 + 0.81) / 8.0);
        near(regularise::temporal(&layer, None), (0.25 + 0.04) / 4.0);
        // The first sample ends after one step, so that nothing of it changes.
        near(regularise::activation(&layer, Some(&[1, 2])), (0.25 + 0.49 + 0.81) / 6.0);
        near(regularise::temporal(&layer, Some(&[1, 2])), 0.04 / 2.0);
        near(regularise::temporal(&layer, Some(&[1, 1])), 0.0);
        let step = SequenceOutput { y: layer.y.slice([0..1]), c: None, events: None };
        near(regularise::temporal(&step, None), 0.0);
    }
}

#[test]
fn regularisers_by_hand() {
    for (_, device) in devices() {
        let layers = [output(&device)];
        // 3 of 8 units are active.
        let got = scalar(regularise::activity(&layers, 0.05, None).unwrap());
        assert!((got - (3.0f64 / 8.0 - 0.05).powi(2)).abs() < 1e-6, "{got}");
        // The first sample ends after one step: 3 of 6.
        let got = scalar(regularise::activity(&layers, 0.05, Some(&[1, 2])).unwrap());
        assert!((got - 0.45f64.powi(2)).abs() < 1e-6, "{got}");
        // Sum of c is 1.8; the lines are 0.5 - 0.05 and 0.3 - 0.05.
        let theta = [Some(Tensor::<1>::from_floats([0.5, 0.3], &device))];
        let got = scalar(regularise::state(&layers, &theta, 0.05, None).unwrap());
        assert!((got - (1.8 / 8.0 - 0.35)).abs() < 1e-6, "{got}");
        let dense = [SequenceOutput { events: None, ..output(&device) }];
        assert!(matches!(regularise::activity(&dense, 0.1, None), Err(CellError::NoEvents { .. })));
        assert!(regularise::state(&dense, &[None], 0.1, None).is_err());
        assert!(regularise::activity(&[], 0.1, None).is_err());
        let error = regularise::activity(&[output(&device).only(Keep::OUTPUT)], 0.1, None);
        assert_eq!(
            error.unwrap_err().to_string(),
            "the activity regulariser needs the series `o`, which was not kept; set `keep.o`"
        );
        let error = regularise::state(&[output(&device).only(Keep::OUTPUT)], &theta, 0.1, None);
        assert!(matches!(error, Err(CellError::NotKept { series: "c", .. })));
    }
}

#[test]
fn activity_regulariser_trains_the_weights() {
    let device = Device::flex().autodiff();
    device.seed(1);
    let stack = Stack::<Egru>::init(&Default::default(), 3, &[8], 0.0, &device).unwrap();
    let options = SequenceOptions::keeping(Keep { o: true, ..Keep::OUTPUT });
    let x = input([6, 2, 3], &device);
    let out = stack.forward_with(x, None, &stack.draw(6, 2), &options).unwrap();
    let grads = regularise::activity(&out.layers, 0.9, None).unwrap().backward();
    let bias = stack.layers[0].cell.weights.bias_w.val().grad(&grads).unwrap();
    assert!(values(&bias).iter().any(|&g| g != 0.0));
}

#[test]
fn activity_by_hand() {
    for (_, device) in devices() {
        let stack = Stack::<Egru>::init(&Default::default(), 3, &[2], 0.0, &device).unwrap();
        // 5 of 12 inputs are non-zero, one of them in the padding of the first sample.
        let x = Tensor::<3>::from_floats(
            [[[1.0, 0.0, 0.0], [2.0, 0.0, 3.0]], [[9.0, 0.0, 0.0], [0.0, -1.0, 0.0]]],
            &device,
        );
        let counts = stack.count(&x, &[output(&device)], None).unwrap();
        let data = counts.tensor().into_data();
        // Per channel: three inputs, two outputs, two windows.
        assert_eq!(data.iter::<i64>().collect::<Vec<_>>(), [3, 1, 1, 1, 2, 3, 3]);
        let report = counts.clone().report(&data);
        assert_eq!(counts.read().unwrap(), report);
        let unkept = stack.count(&x, &[output(&device).only(Keep::OUTPUT)], None);
        assert!(matches!(unkept, Err(CellError::NotKept { series: "window", .. })));
        let layer = LayerActivity {
            inputs: 3,
            units: 2,
            gates: 3,
            steps: 4,
            active_inputs: 5,
            events: 3,
            window: 6,
        };
        // W 3x6, R 2x6, two biases of 6, 2 thresholds; f32.
        let footprint_bytes = 4 * (18 + 12 + 12 + 2);
        let expected =
            ActivityReport { samples: 2, layers: vec![layer], head: None, footprint_bytes };
        assert_eq!(report, expected);
        assert_eq!(report.activity_sparsity(), 5.0 / 8.0);
        assert_eq!(report.backward_sparsity(), 2.0 / 8.0);
        // 3 gates x 2 units x (3 + 2) operands x 2 steps per sample.
        assert_eq!(report.dense_macs(), 60.0);
        // 3 x 2 x (5 + 3) / 2 samples.
        assert_eq!(report.effective_macs(), 24.0);

        let mut ended = output(&device);
        let valid = Tensor::<3>::from_floats([[[1.0], [1.0]], [[0.0], [1.0]]], &device);
        let events = ended.events.as_mut().unwrap();
        events.window = events.window.take().map(|window| window * valid);
        let report = stack.count(&x, &[ended], Some(&[1, 2])).unwrap().read().unwrap();
        let layer = &report.layers[0];
        assert_eq!((layer.steps, layer.active_inputs, layer.events, layer.window), (3, 4, 3, 5));
        assert_eq!(report.activity_sparsity(), 0.5);
    }
}

#[test]
fn reports_merge_and_weigh_layers_by_size() {
    let layer =
        |units, events| LayerActivity { units, gates: 1, steps: 1, events, ..Default::default() };
    let one = ActivityReport {
        samples: 1,
        layers: vec![layer(30, 0), layer(10, 10)],
        head: Some(HeadActivity { inputs: 10, outputs: 2, reads: 1, active_inputs: 4 }),
        footprint_bytes: 8,
    };
    assert_eq!(one.activity_sparsity(), 0.75);
    let mut sum = ActivityReport::default();
    assert_eq!((sum.activity_sparsity(), sum.effective_macs()), (1.0, 0.0));
    sum.merge(&one).unwrap();
    sum.merge(&one).unwrap();
    sum.merge(&ActivityReport::default()).unwrap();
    assert_eq!(sum.samples, 2);
    assert_eq!(sum.activity_sparsity(), 0.75);
    assert_eq!(sum.effective_macs(), 10.0 * 10.0 + 2.0 * 4.0);
    assert_eq!(sum.dense_macs(), 30.0 * 30.0 + 10.0 * 10.0 + 2.0 * 10.0);
    assert_eq!(sum.footprint_bytes, 8);
    let text = serde_json::to_string(&sum).unwrap();
    assert_eq!(serde_json::from_str::<ActivityReport>(&text).unwrap(), sum);
    let other = ActivityReport { layers: vec![layer(3, 0)], ..one };
    assert!(sum.merge(&other).is_err());
    let table = sum.to_string();
    assert!(table.contains("layer 1") && table.contains("75.0 %"), "{table}");
}

#[test]
fn a_dense_model_skips_nothing() {
    let device = Device::flex();
    device.seed(2);
    for (readout, reads) in
        [(Readout::LastOutput, 2), (Readout::MeanLogits, 2), (Readout::PerStep, 5)]
    {
        let config = NetworkConfig { layers: vec![4], readout, ..Default::default() };
        let three = InputShape::Values { channels: 3 };
        let model = Network::<Gru>::init(&config, three, 5, &device).unwrap();
        let x = input([3, 2, 3], &device);
        let options = SequenceOptions::with_lengths([2, 3]);
        let out = model.forward_with(x, None, &model.draw(3, 2), &options).unwrap();
        let report = model.count(&out, Some(&[2, 3])).unwrap().read().unwrap();
        assert_eq!(report.activity_sparsity(), 0.0);
        assert_eq!(report.backward_sparsity(), 0.0);
        let dense = (3 * 4 * (3 + 4) * 5 + 4 * 5 * reads) as f64 / 2.0;
        assert_eq!((report.dense_macs(), report.effective_macs()), (dense, dense));
        let bytes = 4 * (3 * 12 + 4 * 12 + 24 + 4 * 5 + 5);
        assert_eq!((report.footprint_bytes, footprint_bytes(&model)), (bytes, bytes));
    }
}
