//! `data show`: what a data set looks like.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use egru_data::{DatasetConfig, Sample, SequenceDataset, Split, Target, catalogue};
use egru_train::Recipe;
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
    let splits = config(name)?.load(root, seed)?;
    let (spec, train) = (splits.train.spec(), &splits.train);
    let sizes = [Split::Train, Split::Valid, Split::Test].map(|split| splits.get(split).len());
    let sample = train.sample(index)?;

    let out = context.out;
    out.say(spec)?;
    let [n_train, n_valid, n_test] = sizes;
    out.say(format!("{n_train} samples to train, {n_valid} to validate, {n_test} to test"))?;
    for file in &splits.provenance {
        out.say(format!("read from {} (sha256 {})", file.path.display(), file.sha256))?;
    }
    let names = train.class_names();
    let class = |index: usize| match names.as_ref().and_then(|names| names.get(index)) {
        Some(name) => name.clone(),
        None => index.to_string(),
    };
    let balance = balance(train.as_ref())?;
    if !balance.is_empty() {
        let counted = train.len().min(COUNTED);
        out.say(format!("\nclasses of {counted} training samples:"))?;
        let longest = balance.iter().copied().max().unwrap_or(1).max(1);
        let names: Vec<String> = (0..balance.len()).map(class).collect();
        out.say(list(names.iter().zip(&balance).map(|(name, &count)| {
            (name.as_str(), format!("{count:>6} {}", "▇".repeat(30 * count / longest)))
        })))?;
    }
    let target = match &sample.target {
        Target::Class(index) => format!("class {}", class(*index)),
        Target::Value(value) => format!("value {value}"),
        Target::Classes(labels) => {
            let label = |l: &Option<usize>| l.map_or_else(|| "·".to_owned(), class);
            labels.iter().map(label).collect::<Vec<_>>().join(" ")
        }
    };
    out.say(format!("\ntraining sample {index}, {target}:"))?;
    out.say(drawing(&sample, spec.channels))?;
    out.finish(&json!({
        "spec": spec,
        "samples": { "train": n_train, "valid": n_valid, "test": n_test },
        "class_names": names,
        "class_counts": balance,
        "files": splits.provenance,
        "sample": { "index": index, "steps": sample.steps, "target": target, "inputs": sample.inputs },
    }))?;
    Ok(ExitCode::SUCCESS)
}

/// The settings that `name` stands for: those of a recipe, or a data set's defaults.
fn config(name: &str) -> anyhow::Result<DatasetConfig> {
    if let Ok(recipe) = Recipe::named(name) {
        return Ok(recipe.data);
    }
    let info = catalogue::find(name).context("neither a recipe nor a data set")?;
    let reader = info.used_by.first().map_or(name, String::as_str);
    let table = toml::Table::from_iter([("name".to_owned(), toml::Value::from(reader))]);
    Ok(table.try_into()?)
}

/// How often each class occurs among the first samples; empty when there is no class per sequence.
fn balance(dataset: &dyn SequenceDataset) -> anyhow::Result<Vec<usize>> {
    let mut counts = match dataset.spec().output {
        egru_data::Output::Class { classes } => vec![0; classes],
        _ => return Ok(Vec::new()),
    };
    for index in 0..dataset.len().min(COUNTED) {
        if let Target::Class(class) = dataset.sample(index)?.target
            && let Some(count) = counts.get_mut(class)
        {
            *count += 1;
        }
    }
    Ok(counts)
}

/// The sample in shades: a picture where its shape is square, else time from left to right.
fn drawing(sample: &Sample, channels: usize) -> String {
    let (steps, side) = (sample.steps, sample.inputs.len().isqrt());
    let square = side * side == sample.inputs.len() && (channels == 1 || channels == side);
    let (rows, columns) = if square { (side, side) } else { (channels, steps.min(WIDTH)) };
    let value = |row: usize, column: usize| {
        let index = if square { row * side + column } else { column * channels + row };
        sample.inputs.get(index).copied().unwrap_or(0.0)
    };
    let full = sample.inputs.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    let shade =
        |v: f32| [' ', '░', '▒', '▓', '█'][((v.abs() / full * 4.0).round() as usize).min(4)];
    let line = |row: usize| -> String {
        // Two characters a value: a terminal's character is about twice as high as wide.
        (0..columns).flat_map(|column| [shade(value(row, column)); 2]).collect()
    };
    let mut lines: Vec<String> =
        (0..rows).map(|row| format!("  {}", line(row).trim_end())).collect();
    if !square && columns < steps {
        lines.push(format!("  (the first {columns} of {steps} steps)"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(inputs: Vec<f32>, steps: usize) -> Sample {
        Sample { inputs, steps, target: Target::Class(0) }
    }

    #[test]
    fn squares_are_pictures_and_the_rest_runs_from_left_to_right() {
        let picture = sample(vec![0.0, 1.0, 0.5, 0.0], 4);
        assert_eq!(drawing(&picture, 1), "    ██\n  ▒▒");
        let series = sample(vec![1.0, 0.0, 0.0, -1.0, 0.0, 0.0], 3);
        assert_eq!(drawing(&series, 2), "  ██\n    ██");
    }

    #[test]
    fn names_are_recipes_or_data_sets() {
        assert_eq!(config("quickstart").unwrap().name(), "glyphs");
        assert_eq!(config("mnist").unwrap().name(), "smnist");
        assert!(config("nothing").unwrap_err().to_string().contains("neither"));
    }
}
