//! What the settings of a data set can do.

use std::{fmt::Debug, path::Path};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    catalogue::DatasetInfo,
    error::DataError,
    fetch::{self, FetchPolicy},
    splits::Splits,
};

/// The settings of a data set as a recipe's `[data]` table writes them, beside `name`. A program
/// knows the sets that it registers, those of this crate and those of others alike.
///
/// Unknown fields should be refused, and those left out have defaults:
/// `#[serde(deny_unknown_fields, default)]`.
///
/// ```
/// use egru_data::{DatasetConfig, glyphs::GlyphsConfig};
/// assert_eq!(GlyphsConfig::NAME, "glyphs");
/// let splits = GlyphsConfig { train: 100, ..Default::default() }.load(None, 42)?;
/// assert_eq!(splits.train.len(), 100);
/// # Ok::<(), egru_data::DataError>(())
/// ```
pub trait DatasetConfig:
    Serialize + DeserializeOwned + Default + Clone + Debug + PartialEq + Send + Sync + 'static
{
    /// Value of `data.name`.
    const NAME: &'static str;

    /// Loads from files under `root`, the data folder, or generates from `seed`. The seed also
    /// draws what is held out for validation. The network is never used.
    ///
    /// # Errors
    /// See [`DataError`]; each says what to do.
    fn load(&self, root: Option<&Path>, seed: u64) -> Result<Splits, DataError>;

    /// The published files that this reads; `None` for generated data.
    ///
    /// # Errors
    /// [`DataError::Config`] if the catalogue lacks the entry.
    fn files(&self) -> Result<Option<&'static DatasetInfo>, DataError> {
        Ok(None)
    }

    /// The task of recipes that name none.
    fn task(&self) -> &'static str {
        "classification"
    }

    /// As [`load`](Self::load), after fetching what is missing if `policy` allows it, and with the
    /// splits [checked](Splits::check). Files that are there are left alone, whatever they hold.
    ///
    /// # Errors
    /// As [`load`](Self::load), [`DataError::Fetch`] and [`DataError::SplitMismatch`].
    fn load_with(
        &self,
        root: Option<&Path>,
        seed: u64,
        policy: FetchPolicy<'_>,
    ) -> Result<Splits, DataError> {
        if let (FetchPolicy::IfMissing(options), Some(info)) = (policy, self.files()?) {
            fetch::fetch_missing(info, info.require_root(root)?, options)?;
        }
        let splits = self.load(root, seed)?;
        splits.check()?;
        Ok(splits)
    }
}
