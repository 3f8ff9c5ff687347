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
    path::{Component, Path},
    sync::LazyLock,
};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::error::DataError;

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
    /// Folders under the data root in which its files are looked for after its own, such as
    /// `MNIST/raw`, where another program puts them; `.` is the data root itself.
    #[serde(default = "the_root", deserialize_with = "folders_inside")]
    pub folders: Vec<String>,
    /// Where its files come from, in a sentence, if they have no addresses of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
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
    /// SHA-256 in lower-case hexadecimal; empty if it is not known.
    #[serde(default)]
    pub sha256: String,
    /// Size; 0 if it is not known.
    #[serde(default)]
    pub bytes: u64,
    /// Where to fetch it, in order of preference.
    #[serde(default)]
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
    /// SHA-256 in lower-case hexadecimal; empty if it is not known.
    #[serde(default)]
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
    if is_plain(&name) {
        return Ok(name);
    }
    Err(D::Error::custom(format!(
        "`{name}` is not the plain name of a file or folder: use one without `/`, `\\`, `:` or `..`"
    )))
}

fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None)
        if part == name);
    plain && !name.contains(['/', '\\', ':', '\0'])
}

/// Whether `folder` is `.` or plain names with `/` between them.
pub(crate) fn is_inside(folder: &str) -> bool {
    folder == "." || folder.split('/').all(is_plain)
}

fn the_root() -> Vec<String> {
    vec![".".to_owned()]
}

fn folders_inside<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let folders = Vec::<String>::deserialize(deserializer)?;
    match folders.iter().find(|folder| !is_inside(folder)) {
        None => Ok(folders),
        Some(folder) => Err(D::Error::custom(format!(
            "`{folder}` is not a folder below the data folder: use plain names with `/` between them"
        ))),
    }
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
