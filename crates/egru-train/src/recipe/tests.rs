use egru::Readout;

use super::*;
use crate::Registry;

fn set(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn quickstart(pairs: &[(&str, &str)]) -> Result<Recipe, RecipeError> {
    Recipe::named("quickstart").unwrap().with_overrides(&set(pairs))
}

fn refused(pairs: &[(&str, &str)]) -> String {
    match quickstart(pairs) {
        Err(error) => error.to_string(),
        // The keys of a cell and a data set are theirs to read.
        Ok(recipe) => Registry::default().resolve(&recipe).unwrap_err().to_string(),
    }
}

#[test]
fn every_embedded_recipe_resolves_and_comes_back_from_its_text() {
    for (name, _) in EMBEDDED {
        let recipe = Recipe::named(name).unwrap();
        assert_eq!(&recipe.name, name);
        assert!(!recipe.description.is_empty(), "{name}");
        let resolved = Registry::default().resolve(&recipe).unwrap();
        let text = resolved.to_toml().unwrap();
        assert_eq!(Recipe::from_toml(&text).unwrap(), resolved, "{name}");
        // Defaults are written out, those of the cell and the data set included.
        for key in ["threshold_mean", "beta1", "rate_factor", "head_dropout", "products", "margin"]
        {
            assert!(text.contains(key), "{name} lacks {key}:\n{text}");
        }
    }
}

#[test]
fn the_papers_recipe_is_the_papers() {
    let recipe = Recipe::named("smnist").unwrap();
    assert_eq!(recipe.model.layers, [590]);
    assert_eq!((recipe.training.epochs, recipe.training.batch_size), (200, 500));
    assert_eq!((recipe.training.clip_norm, recipe.optimiser.learning_rate), (0.25, 1e-3));
    assert_eq!(recipe.model.readout, Readout::LastTrace);
}

#[test]
fn overrides_are_read_as_toml_or_else_as_text() {
    let recipe = quickstart(&[
        ("training.epochs", "3"),
        ("model.layers", "[4, 5]"),
        ("optimiser.learning_rate", "1"),
        ("description", "two words"),
        ("model.readout", "last-output"),
    ])
    .unwrap();
    assert_eq!(recipe.training.epochs, 3);
    assert_eq!(recipe.model.layers, [4, 5]);
    assert_eq!(recipe.optimiser.learning_rate, 1.0);
    assert_eq!(recipe.description, "two words");
    assert_eq!(recipe.model.readout, Readout::LastOutput);
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    for (key, near) in [
        ("training.epoch", "training.epochs"),
        ("trainig.epochs", "training"),
        ("optimizer.beta1", "optimiser"),
        ("optimiser.leraning_rate", "optimiser.learning_rate"),
        ("regularise.activity.targte", "regularise.activity.target"),
        ("sed", "seed"),
    ] {
        let message = refused(&[(key, "1")]);
        assert!(message.contains(&format!("`{key}`")), "{message}");
        assert!(message.contains(&format!("did you mean `{near}`?")), "{message}");
    }
    let message = refused(&[("data.nose", "0.1")]);
    assert!(message.contains("nose") && message.contains("noise"), "{message}");
}

#[test]
fn an_unknown_key_of_the_cell_is_refused_when_it_is_resolved() {
    let recipe = quickstart(&[("model.cell.zoneot", "0.1")]).unwrap();
    let message = Registry::default().resolve(&recipe).unwrap_err().to_string();
    assert!(message.contains("did you mean `model.cell.zoneout`?"), "{message}");
}

#[test]
fn an_unknown_cell_lists_the_cells() {
    let recipe = quickstart(&[("model.cell.type", "egruu")]).unwrap();
    let message = Registry::default().resolve(&recipe).unwrap_err().to_string();
    assert!(message.contains("did you mean `egru`?"), "{message}");
    assert!(message.contains("egru, elstm, gru, lstm"), "{message}");
}

#[test]
fn changing_a_kind_drops_the_keys_of_the_former_kind() {
    let with_zoneout = quickstart(&[("model.cell.zoneout", "0.1")]).unwrap();
    let gru = with_zoneout.with_overrides(&set(&[("model.cell.type", "gru")])).unwrap();
    assert!(gru.model.cell.config.is_empty());
    // The kind goes first, wherever it stands among the overrides.
    let step = quickstart(&[
        ("schedule.every", "2"),
        ("schedule.gamma", "0.5"),
        ("schedule.type", "step"),
    ])
    .unwrap();
    assert_eq!(step.schedule, ScheduleRecipe::Step { every: 2, gamma: 0.5 });
    // Naming the same kind again changes nothing.
    let same = with_zoneout.with_overrides(&set(&[("model.cell.type", "egru")])).unwrap();
    assert_eq!(same, with_zoneout);
}

#[test]
fn values_of_the_wrong_type_or_out_of_range_name_their_field() {
    for (key, value) in [
        ("training.epochs", "many"),
        ("training.batch_size", "0"),
        ("training.epochs", "0"),
        ("training.accumulate", "0"),
        ("training.clip_norm", "-1"),
        ("model.layers", "[]"),
        ("model.layers", "[3, 0]"),
        ("model.dropout", "1.0"),
        ("optimiser.beta2", "1.0"),
        ("optimiser.learning_rate", "nan"),
        ("regularise.activity.target", "2"),
        ("regularise.activation", "-1"),
        ("regularise.temporal", "inf"),
        ("training.carry", "nothing"),
        ("execution.path", "fast"),
        ("name", "a/b"),
    ] {
        let message = refused(&[(key, value)]);
        assert!(message.contains(&format!("`{key}")), "{key} = {value}: {message}");
    }
}

#[test]
fn a_file_is_named_in_its_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    let error = Recipe::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("mine.toml") && error.contains("check the path"), "{error}");
    let text = Recipe::named("adding").unwrap().to_toml().unwrap();
    std::fs::write(&path, text.replace("batch_size", "bach_size")).unwrap();
    let error = Recipe::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("mine.toml"), "{error}");
    assert!(error.contains("did you mean `training.batch_size`?"), "{error}");
    std::fs::write(&path, "name = ").unwrap();
    assert!(Recipe::from_file(&path).unwrap_err().to_string().contains("not valid TOML"));
}

#[test]
fn an_unknown_recipe_suggests_one() {
    let message = Recipe::named("quickstrat").unwrap_err().to_string();
    assert!(message.contains("did you mean `quickstart`?"), "{message}");
}
