//! The recipe as an untyped TOML tree: overriding keys, and typed reading with good messages.

use serde::Deserialize;
use toml::{Table, Value};

use super::error::{RecipeError, did_you_mean};
use super::parts::Recipe;

/// The tables whose other keys depend on one of them, which selects their kind.
const SELECTORS: &[&[&str]] = &[
    &["data", "name"],
    &["sampling", "type"],
    &["model", "encoder", "type"],
    &["model", "cell", "type"],
    &["schedule", "type"],
];

/// The tree of `recipe`, with every default written out.
pub(super) fn of(recipe: &Recipe) -> Result<Table, RecipeError> {
    Table::try_from(recipe).map_err(|e| RecipeError::Write(e.to_string()))
}

/// `tree` with `overrides` applied; selectors go first, wherever they stand in the list.
pub(super) fn overridden(
    mut tree: Table,
    overrides: &[(String, String)],
) -> Result<Table, RecipeError> {
    let selects = |key: &str| SELECTORS.iter().any(|path| path.iter().copied().eq(key.split('.')));
    for (key, value) in overrides.iter().filter(|(key, _)| selects(key)) {
        select(&mut tree, key, parsed(value))?;
    }
    for (key, value) in overrides.iter().filter(|(key, _)| !selects(key)) {
        let (parent, last) = parent_of(&mut tree, key)?;
        parent.insert(last.to_owned(), parsed(value));
    }
    Ok(tree)
}

/// Sets a selector; a new kind starts from its own defaults.
fn select(tree: &mut Table, key: &str, value: Value) -> Result<(), RecipeError> {
    let (parent, last) = parent_of(tree, key)?;
    if parent.get(last) != Some(&value) {
        parent.clear();
        parent.insert(last.to_owned(), value);
    }
    Ok(())
}

/// The table that holds the last part of `key`, and that part.
fn parent_of<'t, 'k>(
    tree: &'t mut Table,
    key: &'k str,
) -> Result<(&'t mut Table, &'k str), RecipeError> {
    let (path, last) = key.rsplit_once('.').map_or((None, key), |(path, last)| (Some(path), last));
    let mut table = tree;
    let mut prefix = String::new();
    for part in path.into_iter().flat_map(|path| path.split('.')) {
        let known: Vec<String> =
            table.iter().filter(|(_, v)| v.is_table()).map(|(k, _)| k.clone()).collect();
        table = match table.get_mut(part) {
            Some(Value::Table(inner)) => inner,
            _ => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                return Err(unknown(&prefix, part, &known, key));
            }
        };
        prefix = format!("{prefix}{part}.");
    }
    Ok((table, last))
}

fn unknown(prefix: &str, part: &str, known: &[&str], key: &str) -> RecipeError {
    RecipeError::UnknownKey {
        key: key.to_owned(),
        suggestion: did_you_mean(part, known.iter().copied(), prefix),
        known: if known.is_empty() {
            String::new()
        } else {
            format!("; the keys here are {}", known.join(", "))
        },
    }
}

/// `text` as a TOML value if it is one, else as a string.
fn parsed(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Reads the tree into a recipe and validates it.
pub(super) fn typed(tree: Table) -> Result<Recipe, RecipeError> {
    let mut recipe: Recipe = read(tree, "")?;
    recipe.optimiser = recipe.optimiser.modern();
    recipe.validate()?;
    Ok(recipe)
}

/// The keys in which two recipes differ, with both values as TOML; `nothing` where one lacks the key.
pub(crate) fn differences(
    before: &Recipe,
    after: &Recipe,
) -> Result<Vec<(String, String, String)>, RecipeError> {
    fn collect(prefix: &str, a: &Table, b: &Table, into: &mut Vec<(String, String, String)>) {
        let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
        let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for key in keys {
            match (a.get(key), b.get(key)) {
                (Some(Value::Table(a)), Some(Value::Table(b))) => {
                    collect(&format!("{prefix}{key}."), a, b, into);
                }
                (a, b) if a != b => into.push((format!("{prefix}{key}"), shown(a), shown(b))),
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    collect("", &of(before)?, &of(after)?, &mut all);
    Ok(all)
}

/// Reads a table into a typed value; `prefix` is where the table stands in the recipe, with its
/// final dot.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(
    table: Table,
    prefix: &str,
) -> Result<T, RecipeError> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let path = format!("{prefix}{}", error.path());
        explained(&path, error.inner().message())
    })
}

/// Turns serde's message about the value at `path` into an error with a suggestion.
fn explained(path: &str, message: &str) -> RecipeError {
    let message = message.trim();
    let field = if path.ends_with('.') { path.trim_end_matches('.') } else { path };
    if let Some(rest) = message.strip_prefix("unknown field ") {
        // serde: "unknown field `a`, expected one of `b`, `c`" (or "expected `b` or `c`").
        let names: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        if let Some((key, known)) = names.split_first() {
            // The path may end with the unknown key already, or only reach its table.
            let table = field.strip_suffix(key).unwrap_or(field).trim_end_matches('.');
            let prefix = if table.is_empty() { String::new() } else { format!("{table}.") };
            return unknown(&prefix, key, known, &format!("{prefix}{key}"));
        }
    }
    RecipeError::Type {
        field: if field.is_empty() { "recipe".to_owned() } else { field.to_owned() },
        problem: in_words(field, message),
    }
}

/// serde's message without the names of Rust's types, and with a remedy where one is known.
fn in_words(field: &str, message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let names: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        if let Some((name, known)) = names.split_first() {
            // Of a name that may be written in several ways, the usual one.
            let usual = |name: &&&str| {
                let lower = name.to_lowercase();
                **name == lower || !known.contains(&lower.as_str())
            };
            let known: Vec<&str> = known.iter().filter(usual).copied().collect();
            let suggestion = did_you_mean(name, known.iter().copied(), "");
            return format!("there is no `{name}`{suggestion}; there are: {}", known.join(", "));
        }
    }
    let told = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    let Some((got, expected)) = told else { return message.to_owned() };
    // serde: integer `64`, floating point `0.5`, string "x", map, sequence.
    let got = match got {
        "map" => "a table",
        "sequence" => "a list",
        got => got.split_once(' ').map_or(got, |(kind, value)| match kind {
            "floating" => value.trim_start_matches("point "),
            _ => value,
        }),
    };
    let got = got.trim_matches('`');
    let whole = format!("a whole number from 0 to {}", i64::MAX);
    let expected = match expected {
        "usize" | "u64" => whole,
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "f64" | "f32" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a word".to_owned(),
        "a sequence" if got.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("a list, such as [{got}]")
        }
        "a sequence" => "a list in brackets".to_owned(),
        // A part of the recipe, which Rust's types name.
        other if other.contains("struct ") || other.contains("enum ") || other == "a map" => {
            table(field)
        }
        other => other.to_owned(),
    };
    format!("it is {got}, and what is needed is {expected}")
}

/// What is expected of a table; the kind of some is chosen by one of their keys.
fn table(field: &str) -> String {
    let selector = SELECTORS.iter().map(|path| path.join("."));
    let mut selector =
        selector.filter(|key| key.rsplit_once('.').is_some_and(|(table, _)| table == field));
    match selector.next() {
        Some(key) => format!("a table of keys; its kind is set by `{key}`"),
        None => "a table of keys, each set by its own name".to_owned(),
    }
}
