//! Agreement with the golden vectors of two independent programs: every `.safetensors` file in the folder
//! that `EGRU_GOLDEN` names. Skipped, with a notice, where there is none.
#![allow(clippy::print_stderr, missing_docs)]

mod common;

use std::path::PathBuf;

use common::{Problem, Zone, distance, run};
use egru_kernels::{Dims, EgruParams, Products};
use safetensors::{Dtype, SafeTensors};

/// One case: the problem and what is expected of it.
struct Case {
    name: String,
    problem: Problem,
    expected: Vec<(&'static str, Vec<f64>)>,
    eval: [Vec<f64>; 2],
    zoneout: f64,
}

fn folder() -> PathBuf {
    std::env::var_os("EGRU_GOLDEN").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden"),
        PathBuf::from,
    )
}

fn read(path: &std::path::Path) -> Case {
    let bytes = std::fs::read(path).expect("a readable file");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
    let metadata = header.metadata().clone().expect("metadata");
    let number = |key: &str| -> f64 { metadata[key].parse().expect("a number") };
    let tensor = |name: &str| -> Vec<f64> {
        let view = file.tensor(name).expect(name);
        assert_eq!(view.dtype(), Dtype::F64, "{name}");
        let values = view.data().as_chunks::<8>().0;
        values.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect()
    };
    let size = |key: &str| number(key) as usize;
    let dims = Dims { time: size("T"), batch: size("B"), input: size("C"), hidden: size("H") };
    let zoneout = number("zoneout");
    let state = dims.batch * dims.hidden;
    let problem = Problem {
        dims,
        params: EgruParams { alpha: number("alpha"), gamma: number("gamma"), eps: number("eps") },
        x: tensor("x"),
        y0: tensor("y0"),
        c0: vec![0.0; state],
        trace0: vec![0.0; state],
        w: tensor("W"),
        r: tensor("R"),
        bias_w: tensor("bW"),
        bias_r: tensor("bR"),
        theta: tensor("theta"),
        zone: if zoneout > 0.0 { Zone::Mask(tensor("mask")) } else { Zone::Off },
        lengths: None,
        x_needs_grad: None,
        dy: tensor("dy"),
        dc: tensor("dc"),
        do_: tensor("do"),
        dtrace: tensor("dtrace"),
        dlast: [(); 3].map(|()| vec![0.0; state]),
    };
    let names = ["y", "c", "o", "trace", "dx", "dy0", "dW", "dR", "dbW", "dbR", "dtheta"];
    Case {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        problem,
        expected: names.map(|name| (name, tensor(name))).to_vec(),
        eval: [tensor("y_eval"), tensor("c_eval")],
        zoneout,
    }
}

fn compare(case: &Case, products: Products, double: bool, bound: f64) {
    let run = |problem: &Problem| {
        if double { run::<f64>(problem, products) } else { run::<f32>(problem, products) }
    };
    let results = run(&case.problem);
    for (name, expected) in &case.expected {
        let got = results.named().into_iter().find(|(known, _)| known == name).expect(name).1;
        let error = distance(got, expected);
        assert!(error <= bound, "{} {products:?}: {name} is off by {error:e}", case.name);
    }
    let eval = run(&Problem { zone: Zone::Keep(1.0 - case.zoneout), ..case.problem.clone() });
    let outputs = [&eval.outputs.y, &eval.outputs.c];
    for (got, expected) in outputs.into_iter().zip(&case.eval) {
        let error = distance(got, expected);
        assert!(error <= bound, "{} {products:?}: evaluation is off by {error:e}", case.name);
    }
}

#[test]
fn golden_vectors() {
    let folder = folder();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no golden vectors at {} (set EGRU_GOLDEN)", folder.display());
        return;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "safetensors"));
    paths.sort();
    for path in &paths {
        let case = read(path);
        for products in [Products::Events, Products::Dense, Products::Auto] {
            compare(&case, products, true, 1e-10);
            compare(&case, products, false, 1e-4);
        }
    }
    eprintln!("{} golden cases agree", paths.len());
}
