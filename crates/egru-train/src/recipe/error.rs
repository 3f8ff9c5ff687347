//! What can be wrong with a recipe.

use std::path::PathBuf;

use thiserror::Error;

/// A recipe that cannot be used; the message names the field and the remedy.
#[derive(Debug, Error)]
pub enum RecipeError {
    /// The recipe's file cannot be read.
    #[error("cannot read the recipe {}: {source}; {}", path.display(), remedy(source))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The recipe in a file is not valid.
    #[error("{}: {source}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<RecipeError>,
    },
    /// The text is not TOML.
    #[error("the recipe is not valid TOML: {0}")]
    Syntax(String),
    /// No embedded recipe has this name.
    #[error("there is no recipe `{name}`{suggestion}; the recipes are: {known}")]
    UnknownRecipe {
        /// What was asked for.
        name: String,
        /// `, did you mean ...?`, or nothing.
        suggestion: String,
        /// The names there are.
        known: String,
    },
    /// No cell, data set or task is registered under this name.
    #[error("{key}: there is no `{name}`{suggestion}; there are: {known}")]
    UnknownName {
        /// The key of the recipe.
        key: &'static str,
        /// What was asked for.
        name: String,
        /// `, did you mean ...?`, or nothing.
        suggestion: String,
        /// The names there are.
        known: String,
    },
    /// A key that no part of a recipe has.
    #[error("unknown key `{key}`{suggestion}{known}")]
    UnknownKey {
        /// The key, with dots.
        key: String,
        /// `, did you mean ...?`, or nothing.
        suggestion: String,
        /// `; the keys here are ...`, or nothing.
        known: String,
    },
    /// A value of the wrong type, or a key that is missing.
    #[error("`{field}`: {problem}")]
    Type {
        /// The field, with dots; `recipe` for its top.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// A value out of range.
    #[error("`{field}` is {value}: {remedy}")]
    Invalid {
        /// The field, with dots.
        field: String,
        /// Its value.
        value: String,
        /// What to use instead.
        remedy: String,
    },
    /// The recipe cannot be written as TOML.
    #[error("cannot write the recipe as TOML: {0}")]
    Write(String),
}

fn remedy(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::InvalidData => "save it as UTF-8",
        _ => "check the path and its permissions",
    }
}

/// `, did you mean ...?` for the known name nearest to `name`, or nothing when none is near.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    prefix: &str,
) -> String {
    known
        .into_iter()
        .map(|candidate| {
            let likeness = strsim::normalized_damerau_levenshtein(
                &name.to_lowercase(),
                &candidate.to_lowercase(),
            );
            (likeness, candidate)
        })
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, near)| format!(", did you mean `{prefix}{near}`?"))
}
