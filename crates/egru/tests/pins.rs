//! What a seed means does not change: initial values and masks drawn in a fixed order, with the values of the first release.
//! A file of its own, since the generator is one for a whole process.

mod common;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use common::values;
use egru::cells::{Egru, EventConfig, GatedConfig, Lstm};
use egru::{HeadKind, InputShape, Network, NetworkConfig, Readout};
use egru_ops::Zoneout;

/// Size, first and last value of each parameter, in the order of a visit.
#[derive(Default)]
struct Ends(Vec<(usize, f32, f32)>);

impl ModuleVisitor for Ends {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = values(&param.val());
        self.0.push((values.len(), values[0], values[values.len() - 1]));
    }
}

fn ends(module: &impl Module) -> Vec<(usize, f32, f32)> {
    let mut ends = Ends::default();
    module.visit(&mut ends);
    ends.0
}

/// The places of a mask that are not dropped, `1` each.
fn kept<const D: usize>(mask: &Tensor<D>) -> String {
    values(mask).iter().map(|&value| if value == 0.0 { '0' } else { '1' }).collect()
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let device = Device::flex().autodiff();
    device.seed(7);
    let cell = EventConfig { zoneout: 0.3, dropconnect: 0.4, ..Default::default() };
    let config = NetworkConfig {
        layers: vec![6, 5],
        dropout: 0.4,
        head: HeadKind::Linear,
        head_dropout: 0.5,
        readout: Readout::LastTrace,
        cell,
        ..Default::default()
    };
    let three = InputShape::Values { channels: 3 };
    let network = Network::<Egru>::init(&config, three, 4, &device).unwrap();
    let expected = [
        (54, -0.32205474, 0.454452),
        (108, -0.24369612, 0.12839404),
        (18, 0.0, 0.0),
        (18, 0.0, 0.0),
        (6, 0.46677285, 0.3172285),
        (90, 0.27548403, -0.33798033),
        (75, -0.30832002, 0.32127574),
        (15, 0.0, 0.0),
        (15, 0.0, 0.0),
        (5, 0.5609836, 0.26602784),
        (20, 0.21876208, -0.13714448),
        (4, 0.0, 0.0),
    ];
    assert_eq!(ends(&network), expected);

    let draws = network.draw(5, 2);
    let weights = |k: usize| kept(draws.stack.cells[k].dropconnect.as_ref().unwrap());
    assert!(weights(0).starts_with("111101111000000100101011111100010100"));
    assert!(weights(1).starts_with("010010011000111010111001100010110000"));
    let state = |k: usize| match &draws.stack.cells[k].zoneout {
        Zoneout::Mask(mask) => kept(mask),
        other => panic!("{other:?} in training"),
    };
    assert_eq!(state(0), "111001001101001010111000100010110100101111111111111001111111");
    assert_eq!(state(1), "10101110101110111001111000111111111100011010111111");
    assert!(draws.encoder.words.is_none() && draws.encoder.output.is_none());
    assert!(draws.stack.dropout[0].is_none());
    assert_eq!(kept(draws.stack.dropout[1].as_ref().unwrap()), "010111011010");
    assert_eq!(kept(draws.head.as_ref().unwrap()), "1100111011");

    device.seed(8);
    let config =
        NetworkConfig { layers: vec![4], cell: GatedConfig::default(), ..Default::default() };
    let two = InputShape::Values { channels: 2 };
    let network = Network::<Lstm>::init(&config, two, 3, &device).unwrap();
    let expected = [
        (32, -0.11613952, -0.11358345),
        (64, -0.017173525, -0.49184594),
        (16, 0.0, 0.0),
        (16, 0.0, 0.0),
        (12, 0.43902275, -0.0014926712),
        (3, 0.0, 0.0),
    ];
    assert_eq!(ends(&network), expected);
}
