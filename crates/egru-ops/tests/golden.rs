//! Naive and fused paths against golden vectors made by two independent programs.
//!
//! Reads every `.safetensors` of the folder in `EGRU_GOLDEN`, by default `../shared/golden` beside the checkout.
#![allow(clippy::print_stdout)] // the notice of a skip

mod common;

use std::{collections::HashMap, path::PathBuf};

use burn::tensor::DType;
use common::{Array, Backend, Problem, Run, Zone, backends, relative_norm};
use egru_ops::{EgruParams, Execution, Products};
use safetensors::SafeTensors;

struct Golden {
    name: String,
    problem: Problem,
    zoneout: f64,
    arrays: HashMap<String, Vec<f64>>,
}

fn folder() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/golden");
    std::env::var_os("EGRU_GOLDEN").map_or_else(|| default.into(), PathBuf::from)
}

fn read(path: &std::path::Path) -> Golden {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let number = |key: &str| metadata[key].parse::<f64>().unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let arrays: HashMap<_, _> = file
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let values =
                view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()));
            (name, Array::new(view.shape(), values.collect()))
        })
        .collect();
    let get = |name: &str| arrays[name].clone();
    let zoneout = number("zoneout");
    let zeros = Array::new(&get("y0").shape, vec![0.0; get("y0").values.len()]);
    let problem = Problem {
        x: get("x"),
        w: get("W"),
        r: get("R"),
        bias_w: get("bW"),
        bias_r: get("bR"),
        theta: get("theta"),
        c0: zeros.clone(),
        y0: get("y0"),
        trace0: zeros.clone(),
        zone: if zoneout > 0.0 { Zone::Mask(get("mask")) } else { Zone::Off },
        lengths: None,
        params: EgruParams { alpha: number("alpha"), gamma: number("gamma"), eps: number("eps") },
        cotangents: ["dy", "dc", "do", "dtrace"].map(get),
        last_cotangents: [(); 3].map(|()| zeros.clone()),
    };
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let arrays = arrays.into_iter().map(|(name, array)| (name, array.values)).collect();
    Golden { name, problem, zoneout, arrays }
}

impl Golden {
    fn check(&self, how: &str, what: &str, got: &[f64], tolerance: f64) {
        let error = relative_norm(got, &self.arrays[what]);
        assert!(error <= tolerance, "{}, {how}: `{what}` is off by {error:e}", self.name);
    }

    fn check_run(&self, how: &str, run: &Run, tolerance: f64) {
        let [y, c, o, trace, ..] = &run.outputs;
        let [x, w, r, bias_w, bias_r, theta, _, y0, _] = &run.gradients;
        for (what, got) in [
            ("y", y),
            ("c", c),
            ("o", o),
            ("trace", trace),
            ("dx", x),
            ("dW", w),
            ("dR", r),
            ("dbW", bias_w),
            ("dbR", bias_r),
            ("dtheta", theta),
            ("dy0", y0),
        ] {
            self.check(how, what, got, tolerance);
        }
    }
}

#[test]
fn golden_vectors() {
    let folder = folder();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no golden vectors in {} (set EGRU_GOLDEN)", folder.display());
        return;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "safetensors"));
    paths.sort();
    assert!(!paths.is_empty(), "{} has no .safetensors", folder.display());
    let paths_of = [
        ("naive f64", DType::F64, Execution::naive(), 1e-10),
        ("fused f64", DType::F64, Execution::fused(Products::Events), 1e-10),
        ("fused f32", DType::F32, Execution::fused(Products::Auto), 1e-4),
        ("fused f32, events", DType::F32, Execution::fused(Products::Events), 1e-4),
        ("fused f32, dense", DType::F32, Execution::fused(Products::Dense), 1e-4),
    ];
    for golden in paths.iter().map(|path| read(path)) {
        for backend in backends() {
            for (what, dtype, execution, tolerance) in paths_of {
                if !backend.computes(dtype) {
                    continue;
                }
                let Backend { name: backend, device, .. } = backend.clone();
                let how = format!("{what} on {backend}");
                golden.check_run(&how, &golden.problem.run(&device, dtype, execution), tolerance);
                let zone = Zone::Keep(1.0 - golden.zoneout);
                let eval =
                    Problem { zone, ..golden.problem.clone() }.run(&device, dtype, execution);
                golden.check(&how, "y_eval", &eval.outputs[0], tolerance);
                golden.check(&how, "c_eval", &eval.outputs[1], tolerance);
            }
        }
    }
}
