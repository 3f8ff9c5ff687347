//! Tells the program the commit that it is built from, where it is built from a git checkout.

#![allow(clippy::print_stdout)] // It is how cargo is told.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    println!("cargo::rustc-env=EGRU_COMMIT={}", commit(&here).unwrap_or_default());
}

/// The commit checked out around `here`, read from git's files: git need not be there.
fn commit(here: &Path) -> Option<String> {
    let marker = here.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    let git = match marker.is_dir() {
        true => marker,
        // Of a worktree or a submodule it is a file that names the folder.
        false => {
            marker.parent()?.join(fs::read_to_string(&marker).ok()?.strip_prefix("gitdir:")?.trim())
        }
    };
    let head = watched(&git.join("HEAD"))?;
    // A commit is noted here whatever else it changes.
    watched(&git.join("logs/HEAD"));
    let Some(reference) = head.strip_prefix("ref: ") else { return Some(head) };
    // A worktree shares its branches with the repository.
    let common = watched(&git.join("commondir")).map_or(git.clone(), |common| git.join(common));
    watched(&common.join(reference)).or_else(|| {
        let packed = watched(&common.join("packed-refs"))?;
        packed.lines().find_map(|line| Some(line.strip_suffix(reference)?.trim().to_owned()))
    })
}

/// A file whose change is another commit; one that is not there cannot be watched.
fn watched(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text.trim().to_owned())
}
