//! `recipes`: what can be trained.

use std::process::ExitCode;

use egru_train::Recipe;
use egru_train::recipe::EMBEDDED;
use serde_json::json;

use super::{Context, Outcome};
use crate::table::list;

/// Lists the recipes, or prints one with every default.
pub(crate) fn run(context: &Context<'_>, name: Option<&str>) -> Outcome {
    let out = &context.out;
    match name {
        Some(name) => {
            let recipe = context.registry.resolve(&Recipe::named(name)?)?;
            out.say(recipe.to_toml()?.trim_end());
            out.finish(&json!(recipe));
        }
        None => {
            let recipes: Vec<Recipe> =
                EMBEDDED.iter().map(|(name, _)| Recipe::named(name)).collect::<Result<_, _>>()?;
            out.say("Recipes (print one with `recipes NAME`, run one with `train NAME`):");
            out.say(list(recipes.iter().map(|r| (r.name.as_str(), r.description.clone()))));
            let described = |r: &Recipe| json!({ "name": r.name, "description": r.description });
            out.finish(&json!({ "recipes": recipes.iter().map(described).collect::<Vec<_>>() }));
        }
    }
    Ok(ExitCode::SUCCESS)
}
