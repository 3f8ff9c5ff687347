//! The `[data]` table of a recipe.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    DataError, DatasetInfo, Splits,
    adding::{self, AddingConfig},
    catalogue::{self, MNIST},
    delay_copy::{self, DelayCopyConfig},
    fetch::{self, FetchPolicy},
    glyphs::{self, GlyphsConfig},
    mnist::{self, SmnistConfig},
};

/// A data set and its settings, picked by the field `name`. Unknown fields are refused; those left
/// out have the defaults of the set's own settings.
///
/// ```
/// use egru_data::DatasetConfig;
/// let config = DatasetConfig::parse("name = 'delay-copy'\ndelay = 30").unwrap();
/// assert_eq!(config.name(), "delay-copy");
/// assert!(DatasetConfig::parse("name = 'delay-copy'\ndealy = 30").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum DatasetConfig {
    /// Sequential MNIST.
    Smnist(SmnistConfig),
    /// Generated digits that need no file.
    Glyphs(GlyphsConfig),
    /// The copying memory task.
    DelayCopy(DelayCopyConfig),
    /// The adding problem.
    Adding(AddingConfig),
}

impl DatasetConfig {
    /// Reads the table from TOML text.
    ///
    /// # Errors
    /// The parser's: position, unknown field with those that exist, wrong type.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The value of `name`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Smnist(_) => "smnist",
            Self::Glyphs(_) => "glyphs",
            Self::DelayCopy(_) => "delay-copy",
            Self::Adding(_) => "adding",
        }
    }

    /// The published files that this reads; `None` for generated data.
    ///
    /// # Errors
    /// [`DataError::Config`] if the catalogue lacks the entry.
    pub fn files(&self) -> Result<Option<&'static DatasetInfo>, DataError> {
        match self {
            Self::Smnist(_) => catalogue::find(MNIST).map(Some),
            Self::Glyphs(_) | Self::DelayCopy(_) | Self::Adding(_) => Ok(None),
        }
    }

    /// Loads from files under `root` (`--data` or `EGRU_DATA`), or generates from `seed`. The seed
    /// also draws what is held out for validation. The network is never used.
    ///
    /// # Errors
    /// See [`DataError`]; each says what to do.
    pub fn load(&self, root: Option<&Path>, seed: u64) -> Result<Splits, DataError> {
        match self {
            Self::Smnist(config) => mnist::load(config, root, seed),
            Self::Glyphs(config) => glyphs::load(config, seed),
            Self::DelayCopy(config) => delay_copy::load(config, seed),
            Self::Adding(config) => adding::load(config, seed),
        }
    }

    /// As [`load`](Self::load), after fetching what is missing if `policy` allows it. Files that are
    /// there are left alone, whatever they hold.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`DataError::Fetch`].
    pub fn load_with(
        &self,
        root: Option<&Path>,
        seed: u64,
        policy: FetchPolicy<'_>,
    ) -> Result<Splits, DataError> {
        if let (FetchPolicy::IfMissing(options), Some(info)) = (policy, self.files()?) {
            fetch::fetch_missing(info, info.require_root(root)?, options)?;
        }
        self.load(root, seed)
    }
}
