//! The data sets that are known, from `datasets/manifest.toml`: what they are, where their files
//! come from and where they are looked for.
//!
//! ```
//! let mnist = egru_data::catalogue::find("mnist")?;
//! assert_eq!(mnist.files.len(), 4);
//! assert!(egru_data::catalogue().iter().any(|info| info.is_generated()));
//! # Ok::<(), egru_data::DataError>(())
//! ```

use std::{
    fmt::Write,
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::error::DataError;

/// Name of MNIST in the catalogue.
pub const MNIST: &str = "mnist";
/// Name of WikiText-2 in the catalogue.
pub const WIKITEXT_2: &str = "wikitext-2";

/// One data set of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetInfo {
    /// Name to ask for it by, and of its folder under the data root.
    #[serde(deserialize_with = "plain_name")]
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What it holds, in a sentence.
    pub description: String,
    /// Values of `name` in a recipe's `[data]` table that read it.
    pub used_by: Vec<String>,
    /// Terms of use.
    pub licence: String,
    /// The publication to cite.
    pub citation: String,
    /// Its files; none if it is generated.
    #[serde(default)]
    pub files: Vec<FileInfo>,
}

/// One published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileInfo {
    /// File name.
    #[serde(deserialize_with = "plain_name")]
    pub name: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// Where to fetch it, in order of preference.
    pub urls: Vec<String>,
    /// The same file decompressed, which is as good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<PlainFile>,
    /// For a `.tar.gz`: how to unpack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpack: Option<Unpack>,
}

/// The decompressed form of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainFile {
    /// File name.
    #[serde(deserialize_with = "plain_name")]
    pub name: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

/// How an archive is unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpack {
    /// Folder to unpack into, beside the archive. It is complete if
    /// [`unpacked_from`](crate::fetch::unpacked_from) says so.
    #[serde(deserialize_with = "plain_name")]
    pub folder: String,
    /// The most that all of its files may hold together.
    pub max_bytes: u64,
}

/// The name of a file or folder that stays where it is put: a manifest must not reach out of the data
/// folder. Of any system: what is a path on one of them is refused on all.
fn plain_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let mut parts = Path::new(&name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None)
        if part == name.as_str());
    if plain && !name.contains(['/', '\\', ':', '\0']) {
        return Ok(name);
    }
    Err(D::Error::custom(format!(
        "`{name}` is not the plain name of a file or folder: use one without `/`, `\\`, `:` or `..`"
    )))
}

/// Every known data set, in the manifest's order.
pub fn catalogue() -> &'static [DatasetInfo] {
    static CATALOGUE: LazyLock<Vec<DatasetInfo>> = LazyLock::new(|| {
        // The text is part of the program, and a test parses it.
        parse(include_str!("../../../datasets/manifest.toml")).expect("the manifest is valid TOML")
    });
    &CATALOGUE
}

/// Parses a manifest: an array of tables `[[dataset]]`.
///
/// # Errors
/// The parser's, with the position; also for a name that would leave the data folder.
pub fn parse(manifest: &str) -> Result<Vec<DatasetInfo>, toml::de::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Manifest {
        dataset: Vec<DatasetInfo>,
    }
    toml::from_str(manifest).map(|Manifest { dataset }| dataset)
}

/// The data set called `name`, or read by recipes under that name.
///
/// # Errors
/// [`DataError::Config`] with the names that exist.
pub fn find(name: &str) -> Result<&'static DatasetInfo, DataError> {
    let all = catalogue();
    let found = all
        .iter()
        .find(|info| info.name == name)
        .or_else(|| all.iter().find(|info| info.used_by.iter().any(|user| user == name)));
    found.ok_or_else(|| DataError::Config {
        field: "data set",
        value: format!("`{name}`"),
        problem: format!(
            "known are {}",
            all.iter().map(|info| info.name.as_str()).collect::<Vec<_>>().join(", ")
        ),
    })
}

impl DatasetInfo {
    /// Whether it is made by this program instead of read from files.
    pub fn is_generated(&self) -> bool {
        self.files.is_empty()
    }

    /// The folder of its files under the data root.
    pub fn folder(&self, root: &Path) -> PathBuf {
        root.join(&self.name)
    }

    /// Every path at which `file` is accepted, best first: in the set's folder, then directly under
    /// the root; as published, then decompressed.
    pub fn candidates(&self, file: &FileInfo, root: &Path) -> Vec<PathBuf> {
        let names = || std::iter::once(&file.name).chain(file.plain.as_ref().map(|p| &p.name));
        let folders = [self.folder(root), root.to_path_buf()];
        folders.iter().flat_map(|folder| names().map(|name| folder.join(name))).collect()
    }

    /// Where `file` is, if it is there.
    pub fn locate(&self, file: &FileInfo, root: &Path) -> Option<PathBuf> {
        self.candidates(file, root).into_iter().find(|path| path.is_file())
    }

    /// Where the file is whose name starts with `name`.
    ///
    /// # Errors
    /// [`DataError::Missing`], with every place looked in and how to get it.
    pub(crate) fn find(&self, name: &str, root: &Path) -> Result<PathBuf, DataError> {
        let file = self.files.iter().find(|file| file.name.starts_with(name));
        file.and_then(|file| self.locate(file, root)).ok_or_else(|| DataError::Missing {
            dataset: self.name.clone(),
            file: file.map_or(name, |file| &file.name).to_owned(),
            looked_for: file.map(|file| self.candidates(file, root)).unwrap_or_default(),
            remedy: self.placement(Some(root)),
        })
    }

    /// The data root, which a set of files cannot do without.
    ///
    /// # Errors
    /// [`DataError::NoRoot`], with how to get the files.
    pub fn require_root<'a>(&self, root: Option<&'a Path>) -> Result<&'a Path, DataError> {
        root.ok_or_else(|| DataError::NoRoot {
            dataset: self.name.clone(),
            remedy: self.placement(None),
        })
    }

    /// How to get the files by hand, for people. `root` is the data folder, if one is known.
    pub fn placement(&self, root: Option<&Path>) -> String {
        if self.is_generated() {
            return format!("`{}` is generated: there is nothing to fetch.", self.name);
        }
        let root = root.unwrap_or(Path::new("DIR"));
        let folder = self.folder(root);
        let mut text =
            format!("Fetch `{}` into {}, or place by hand:", self.name, folder.display());
        for file in &self.files {
            let path = folder.join(&file.name);
            let url = file.urls.first().map_or("(no public address)", String::as_str);
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n  {url}\n    as {} ({} bytes, sha256 {})",
                path.display(),
                file.bytes,
                file.sha256
            );
        }
        text
    }

    /// Whether one of the published files, as published or decompressed, has this checksum.
    pub(crate) fn knows(&self, sha256: &str) -> bool {
        self.files.iter().any(|file| {
            file.sha256 == sha256 || file.plain.as_ref().is_some_and(|plain| plain.sha256 == sha256)
        })
    }
}
