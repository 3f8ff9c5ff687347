//! The recipes that travel inside the program.

use super::error::{RecipeError, did_you_mean};

/// `(name, TOML text)` of every embedded recipe, simplest first.
pub const EMBEDDED: &[(&str, &str)] = &[
    ("quickstart", include_str!("../../recipes/quickstart.toml")),
    ("glyphs", include_str!("../../recipes/glyphs.toml")),
    ("delay-copy", include_str!("../../recipes/delay-copy.toml")),
    ("adding", include_str!("../../recipes/adding.toml")),
    ("smnist-small", include_str!("../../recipes/smnist-small.toml")),
    ("smnist", include_str!("../../recipes/smnist.toml")),
    ("nmnist", include_str!("../../recipes/nmnist.toml")),
    ("gesture-sim", include_str!("../../recipes/gesture-sim.toml")),
    ("dvs128", include_str!("../../recipes/dvs128.toml")),
    ("psmnist", include_str!("../../recipes/psmnist.toml")),
    ("wt2-small", include_str!("../../recipes/wt2-small.toml")),
    ("wt2", include_str!("../../recipes/wt2.toml")),
    ("wt2-awd", include_str!("../../recipes/wt2-awd.toml")),
    ("ptb", include_str!("../../recipes/ptb.toml")),
];

/// The text of the recipe called `name`.
pub(super) fn text(name: &str) -> Result<&'static str, RecipeError> {
    EMBEDDED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).ok_or_else(|| {
        let names = || EMBEDDED.iter().map(|(known, _)| *known);
        RecipeError::UnknownRecipe {
            name: name.to_owned(),
            suggestion: did_you_mean(name, names(), ""),
            known: names().collect::<Vec<_>>().join(", "),
        }
    })
}
