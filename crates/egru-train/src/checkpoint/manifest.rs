//! What a checkpoint must contain: the checksum of every file, and the shape of every parameter.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::format::FORMAT;

/// The parameters of a model, each as `path [shape] type`, below the name of its cell. Two models
/// with the same architecture can exchange records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture(pub(super) Vec<String>);

impl Architecture {
    /// The architecture of `model`, made of the cell called `cell`.
    pub fn of<M: Module>(cell: &str, model: &M) -> Self {
        let mut lines = ParameterLines { path: Vec::new(), lines: vec![format!("cell {cell}")] };
        model.visit(&mut lines);
        Self(lines.lines)
    }

    /// The paths of the parameters.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().skip(1).filter_map(|line| line.split(' ').next())
    }

    /// Whether a parameter's path contains `pattern`.
    pub(crate) fn has(&self, pattern: &str) -> bool {
        self.paths().any(|path| path.contains(pattern))
    }

    /// The first line in which this architecture differs from `other`.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let absent = "nothing".to_owned();
        (0..self.0.len().max(other.0.len())).find_map(|line| {
            let (saved, wanted) = (self.0.get(line), other.0.get(line));
            (saved != wanted).then(|| {
                let (saved, wanted) = (saved.unwrap_or(&absent), wanted.unwrap_or(&absent));
                format!("it holds `{saved}` where the model has `{wanted}`")
            })
        })
    }
}

struct ParameterLines {
    path: Vec<String>,
    lines: Vec<String>,
}

impl ModuleVisitor for ParameterLines {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let path = self.path.join(".");
        self.lines.push(format!("{path} {:?} {:?}", value.dims(), value.dtype()));
    }
}

/// `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The format of the checkpoint.
    #[serde(default = "before_formats")]
    pub(super) format: u32,
    /// Bytes and SHA-256 of each file, by its name.
    files: BTreeMap<String, FileEntry>,
    /// What the records fit.
    pub(super) architecture: Architecture,
}

/// The format of checkpoints that do not tell theirs.
pub(super) const BEFORE_FORMATS: u32 = 1;

fn before_formats() -> u32 {
    BEFORE_FORMATS
}

#[derive(Debug, Serialize, Deserialize)]
struct FileEntry {
    bytes: usize,
    sha256: String,
}

impl Manifest {
    pub(super) fn of(files: &[(&str, &[u8])], architecture: &Architecture) -> Self {
        let entry = |bytes: &[u8]| FileEntry { bytes: bytes.len(), sha256: sha256(bytes) };
        Self {
            format: FORMAT,
            files: files.iter().map(|(name, bytes)| ((*name).to_owned(), entry(bytes))).collect(),
            architecture: architecture.clone(),
        }
    }

    /// Whether there is a file `name`.
    pub(super) fn lists(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// How `bytes` differ from what the manifest says of the file `name`.
    pub(super) fn problem(&self, name: &str, bytes: &[u8]) -> Option<String> {
        let Some(entry) = self.files.get(name) else {
            return Some("the manifest does not list it".to_owned());
        };
        if bytes.len() != entry.bytes {
            return Some(format!("it has {} bytes instead of {}", bytes.len(), entry.bytes));
        }
        let found = sha256(bytes);
        (found != entry.sha256)
            .then(|| format!("its SHA-256 is {found} instead of {}", entry.sha256))
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
