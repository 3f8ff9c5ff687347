//! Recipes: everything that decides what a run computes, in one TOML file.
//!
//! A recipe is complete on its own: [`Recipe::to_toml`] writes every default out, and reading that
//! text again gives the same recipe. What only says *where* a run happens (device, folders) is no
//! part of it; see [`TrainOptions`](crate::TrainOptions).
//!
//! Optional behaviour is switched off by a zero rather than by leaving a key out, so that a resolved
//! recipe shows every key there is.
//!
//! ```
//! use egru_train::Recipe;
//!
//! let recipe = Recipe::named("quickstart")?
//!     .with_overrides(&[("training.epochs".into(), "2".into())])?;
//! assert_eq!(recipe.training.epochs, 2);
//! assert_eq!(Recipe::from_toml(&recipe.to_toml()?)?, recipe);
//!
//! let typo = recipe.with_overrides(&[("training.epoch".into(), "2".into())]).unwrap_err();
//! assert!(typo.to_string().contains("did you mean `training.epochs`?"), "{typo}");
//! # Ok::<(), egru_train::RecipeError>(())
//! ```

mod embedded;
mod error;
mod parts;
mod tree;
mod validate;

use std::path::Path;

use toml::Table;

pub use embedded::EMBEDDED;
pub use error::RecipeError;
pub(crate) use error::did_you_mean;
pub use parts::*;
pub(crate) use tree::{differences, read as read_table};

impl Recipe {
    /// The embedded recipe called `name`.
    ///
    /// # Errors
    /// [`RecipeError::UnknownRecipe`], with the names there are.
    pub fn named(name: &str) -> Result<Self, RecipeError> {
        Self::from_toml(embedded::text(name)?)
    }

    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or is not a valid recipe.
    pub fn from_file(path: &Path) -> Result<Self, RecipeError> {
        let text = crate::files::text(path)
            .map_err(|source| RecipeError::File { path: path.to_owned(), source })?;
        Self::from_toml(&text)
            .map_err(|source| RecipeError::In { path: path.to_owned(), source: Box::new(source) })
    }

    /// Reads a recipe from TOML text.
    ///
    /// # Errors
    /// The text is not TOML, has unknown or missing keys, or values out of range.
    pub fn from_toml(text: &str) -> Result<Self, RecipeError> {
        tree::typed(text.parse::<Table>().map_err(|e| RecipeError::Syntax(e.to_string()))?)
    }

    /// The recipe as TOML text, with every default written out (those of the cell once the recipe
    /// has been [resolved](crate::Registry::resolve)).
    ///
    /// # Errors
    /// A value that TOML cannot hold (a number of more than 63 bits).
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string_pretty(self).map_err(|e| RecipeError::Write(e.to_string()))
    }

    /// The recipe with some keys changed: `("training.epochs", "3")`. A key's parts are separated by
    /// dots; a value is read as TOML if it is that, else as a string. Changing the `type` or `name`
    /// that selects a kind of table (`data.name`, `model.cell.type`, `schedule.type`) drops the
    /// other keys of that table, which belong to the former kind.
    ///
    /// # Errors
    /// An unknown key (with the nearest known one), or a value of the wrong type or out of range.
    pub fn with_overrides(&self, overrides: &[(String, String)]) -> Result<Self, RecipeError> {
        tree::typed(tree::overridden(tree::of(self)?, overrides)?)
    }
}

#[cfg(test)]
mod tests;
