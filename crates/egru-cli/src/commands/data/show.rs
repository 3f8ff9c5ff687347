//! `data show`: what a data set looks like.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use egru_data::{Inputs, Layout, Sample, SequenceDataset, Spec, Split, Target, catalogue};
use egru_train::Recipe;
use egru_train::recipe::DataRecipe;
use serde_json::json;

use crate::commands::{Context, Outcome};
use crate::table::list;

/// Samples that the class balance is counted over, at most: generated ones are made for it.
const COUNTED: usize = 10_000;
/// Widest drawing, in values.
const WIDTH: usize = 60;

/// Prints shapes, splits, class balance and one sample.
pub(super) fn run(
    context: &Context<'_>,
    name: &str,
    index: usize,
    seed: u64,
    root: Option<&Path>,
) -> Outcome {
    let splits = context.registry.load(&config(name)?, root, seed)?;
    let (spec, train) = (splits.train.spec(), &splits.train);
    let sizes = [Split::Train, Split::Valid, Split::Test].map(|split| splits.get(split).len());
    // A stream of tokens is one item as long as it is: its beginning is enough to look at.
    let sample = match (spec.layout, spec.output) {
        (Layout::Tokens { .. }, egru_data::Output::PerStep { .. }) => {
            train.part(index, 0..train.steps(index).min(WIDTH), None)?
        }
        _ => train.sample(index, None)?,
    };

    let out = &context.out;
    out.say(spec);
    let [n_train, n_valid, n_test] = sizes;
    out.say(format!("{n_train} samples to train, {n_valid} to validate, {n_test} to test"));
    if let Layout::Tokens { .. } = spec.layout {
        let steps = Split::ALL.map(|split| splits.get(split).spec().steps.to_string());
        out.say(format!("steps of a sample: {}", steps.join(", ")));
    }
    for file in &splits.provenance {
        out.say(format!("read from {} (sha256 {})", file.path.display(), file.sha256));
    }
    for warning in &splits.warnings {
        out.say(format!("note: {warning}"));
    }
    let names = train.class_names();
    let class = |index: usize| match names.as_ref().and_then(|names| names.get(index)) {
        Some(name) => name.clone(),
        None => index.to_string(),
    };
    let balance = balance(train.as_ref())?;
    if !balance.is_empty() {
        let counted = train.len().min(COUNTED);
        out.say(format!("\nclasses of {counted} training samples:"));
        let longest = balance.iter().copied().max().unwrap_or(1).max(1);
        let names: Vec<String> = (0..balance.len()).map(class).collect();
        out.say(list(names.iter().zip(&balance).map(|(name, &count)| {
            (name.as_str(), format!("{count:>6} {}", "▇".repeat(30 * count / longest)))
        })));
    }
    let target = match &sample.target {
        Target::Class(index) => format!("class {}", class(*index)),
        Target::Value(value) => format!("value {value}"),
        Target::Classes(_) if matches!(spec.layout, Layout::Tokens { .. }) => {
            "each step the token that follows".to_owned()
        }
        Target::Classes(labels) => {
            let label = |l: &Option<usize>| l.map_or_else(|| "·".to_owned(), class);
            labels.iter().map(label).collect::<Vec<_>>().join(" ")
        }
    };
    out.say(format!("\ntraining sample {index}, {target}:"));
    out.say(drawing(&sample, spec, names.as_deref()));
    let mut shape = json!(spec);
    shape["channels"] = json!(spec.channels());
    let inputs = match &sample.inputs {
        Inputs::Values(values) => json!(values),
        Inputs::Tokens(tokens) => json!(tokens),
    };
    out.finish(&json!({
        "spec": shape,
        "samples": { "train": n_train, "valid": n_valid, "test": n_test },
        "class_names": names,
        "class_counts": balance,
        "files": splits.provenance,
        "sample": { "index": index, "steps": sample.steps, "target": target, "inputs": inputs },
    }));
    Ok(ExitCode::SUCCESS)
}

/// The settings that `name` stands for: those of a recipe, or a data set's defaults.
fn config(name: &str) -> anyhow::Result<DataRecipe> {
    if let Ok(recipe) = Recipe::named(name) {
        return Ok(recipe.data);
    }
    let info = catalogue::find(name).context("neither a recipe nor a data set")?;
    let name = info.used_by.first().map_or(name, String::as_str).to_owned();
    Ok(DataRecipe { name, config: toml::Table::new() })
}

/// How often each class occurs among the first samples; empty when there is no class per sequence.
fn balance(dataset: &dyn SequenceDataset) -> anyhow::Result<Vec<usize>> {
    let mut counts = match dataset.spec().output {
        egru_data::Output::Class { classes } => vec![0; classes],
        _ => return Ok(Vec::new()),
    };
    for index in 0..dataset.len().min(COUNTED) {
        if let Target::Class(class) = dataset.sample(index, None)?.target
            && let Some(count) = counts.get_mut(class)
        {
            *count += 1;
        }
    }
    Ok(counts)
}

/// The sample in shades: a picture where it is one (of frames, the first), else time from left to right; tokens as their
/// names, or as numbers.
fn drawing(sample: &Sample, spec: &Spec, names: Option<&[String]>) -> String {
    let values = match &sample.inputs {
        Inputs::Values(values) => values,
        Inputs::Tokens(tokens) => {
            let name = |&token: &u32| {
                let name = names.and_then(|names| names.get(token as usize));
                name.map_or_else(|| token.to_string(), String::clone)
            };
            let shown = tokens.iter().take(WIDTH).map(name).collect::<Vec<_>>();
            return format!("  {}", shown.join(" "));
        }
    };
    let (steps, channels) = (sample.steps, spec.channels());
    let picture = match spec.layout {
        Layout::Frames { rows, columns, .. } => Some((rows, columns)),
        _ => spec.layout.picture(),
    };
    let (rows, columns) = picture.unwrap_or((channels, steps.min(WIDTH)));
    let value = |row: usize, column: usize| {
        let index =
            if picture.is_some() { row * columns + column } else { column * channels + row };
        values.get(index).copied().unwrap_or(0.0)
    };
    let full = values.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    let shade =
        |v: f32| [' ', '░', '▒', '▓', '█'][((v.abs() / full * 4.0).round() as usize).min(4)];
    let line = |row: usize| -> String {
        // Two characters a value: a terminal's character is about twice as high as wide.
        (0..columns).flat_map(|column| [shade(value(row, column)); 2]).collect()
    };
    let mut lines: Vec<String> =
        (0..rows).map(|row| format!("  {}", line(row).trim_end())).collect();
    if picture.is_none() && columns < steps {
        lines.push(format!("  (the first {columns} of {steps} steps)"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(inputs: Inputs, steps: usize, layout: Layout) -> String {
        let output = egru_data::Output::Class { classes: 2 };
        let spec = Spec { name: "drawn".into(), steps, layout, output };
        let names = ["one", "two"].map(str::to_owned);
        drawing(&Sample { inputs, steps, target: Target::Class(0) }, &spec, Some(&names))
    }

    #[test]
    fn pictures_are_drawn_as_such_and_the_rest_runs_from_left_to_right() {
        let picture = Layout::Picture { rows: 2, columns: 2, channels: 1 };
        let pixels = Inputs::Values(vec![0.0, 1.0, 0.5, 0.0]);
        assert_eq!(drawn(pixels.clone(), 4, picture), "    ██\n  ▒▒");
        let frames = Layout::Frames { polarities: 1, rows: 2, columns: 2 };
        assert_eq!(drawn(pixels, 1, frames), "    ██\n  ▒▒");
        let series = Inputs::Values(vec![1.0, 0.0, 0.0, -1.0, 0.0, 0.0]);
        assert_eq!(drawn(series, 3, Layout::Flat { channels: 2 }), "  ██\n    ██");
        let words = Layout::Tokens { vocabulary: 9 };
        assert_eq!(drawn(Inputs::Tokens(vec![3, 1, 0]), 3, words), "  3 two one");
    }

    #[test]
    fn names_are_recipes_or_data_sets() {
        assert_eq!(config("quickstart").unwrap().name, "glyphs");
        assert_eq!(config("mnist").unwrap().name, "smnist");
        assert!(config("nothing").unwrap_err().to_string().contains("neither"));
    }
}
