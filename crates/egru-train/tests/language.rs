//! Language models on a corpus in a folder: trained, evaluated at any batch size and window, and regularised.

mod common;

use std::fmt::Write as _;
use std::path::Path;

use burn::tensor::Device;
use common::{history, serial};
use egru_train::report_data::Summary;
use egru_train::{GenerateRequest, InspectRequest, Recipe, Registry, TrainError, TrainOptions};

/// A corpus of few words, of which two may follow each.
fn corpus(folder: &Path) {
    let words = ["the", "owl", "sees", "a", "mouse", ",", "<unk>"];
    for (split, lines) in [("train", 60), ("valid", 17), ("test", 19)] {
        let (mut text, mut state, mut word) = (String::new(), lines as u64, 0);
        for _ in 0..lines {
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                word = (2 * word + 1 + (state >> 63) as usize) % words.len();
                write!(text, " {}", words[word]).unwrap();
            }
            text.push('\n');
        }
        std::fs::write(folder.join(format!("{split}.txt")), text).unwrap();
    }
}

fn recipe(folder: &Path, changes: &[(&str, &str)]) -> Recipe {
    let recipe = format!(
        "name = 'language'
        data = {{ name = 'tokens', corpus = '{}' }}
        sampling = {{ type = 'contiguous', window = 12, jitter = true }}
        [model]
        encoder = {{ type = 'embedding', size = 12, dropout = 0.05 }}
        cell = {{ type = 'egru', threshold_mean = 0.02, gain = 2.0 }}
        layers = [12, 12]
        head = 'tied'
        readout = 'per-step'
        [training]
        epochs = 30
        batch_size = 4
        [optimiser]
        type = 'adamw'
        learning_rate = 0.03
        [schedule]
        type = 'one-cycle'
        warm_up = 0.2
        start_rate = 0.003",
        folder.display()
    );
    Recipe::from_toml(&recipe).unwrap().with_overrides(&set(changes)).unwrap()
}

fn set(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn train(recipe: &Recipe, runs: &Path) -> Summary {
    let options = TrainOptions::new(Device::flex(), runs);
    Registry::default().start(recipe, &options).unwrap().train().unwrap()
}

#[test]
fn a_language_is_learnt_and_evaluated_at_any_batch_and_window() {
    let _serial = serial();
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let summary = train(&recipe(folder.path(), &[]), folder.path());
    assert_eq!((summary.task.as_str(), &summary.metrics[0].name[..]), ("language", "perplexity"));
    let [loss, perplexity] = ["test_loss", "test_perplexity"].map(|n| summary.figure(n).unwrap());
    assert!((loss.exp() - perplexity).abs() < 1e-9 * perplexity);
    // Of 8 tokens two can follow, and one ends a line.
    assert!((1.5..4.0).contains(&perplexity), "{perplexity}");

    let options = TrainOptions::new(Device::flex(), folder.path());
    let evaluated = |batch: &str, window: &str| {
        let changes = set(&[("training.eval_batch_size", batch), ("sampling.window", window)]);
        let mut run = Registry::default().open(&summary.run_dir, &changes, &options).unwrap();
        run.evaluate().unwrap().figure("test_loss").unwrap()
    };
    // The state is carried whole: where windows end does not matter.
    for (batch, windows) in [("1", ["1", "7", "70"]), ("10", ["1", "5", "1000"])] {
        let losses = windows.map(|window| evaluated(batch, window));
        for other in losses {
            assert!((other - losses[0]).abs() < 1e-5 * losses[0], "batch {batch}: {losses:?}");
        }
    }
    // Side by side, the later tracks begin without what came before them; nothing else differs.
    let [one, ten, many] = ["1", "10", "64"].map(|batch| evaluated(batch, "7"));
    assert!((ten - one).abs() < 0.1 * one && (many - one).abs() < 0.3 * one, "{one} {ten} {many}");

    goes_on_from_a_prompt(&summary, &options);
    let mut run = Registry::default().open(&summary.run_dir, &[], &options).unwrap();
    let inspection = run.inspect(InspectRequest { samples: 2, units: 2 }).unwrap();
    assert_eq!(inspection.samples.len(), 2);
    assert!(inspection.samples[1].verdict.prediction.starts_with("perplexity "));
}

/// What it generates is the language that it has learnt, and follows from the seed.
fn goes_on_from_a_prompt(summary: &Summary, options: &TrainOptions) {
    let mut run = Registry::default().open(&summary.run_dir, &[], options).unwrap();
    let mut generate = |request: GenerateRequest| {
        let mut told = Vec::new();
        let generated = run.generate(&request, &mut |word| {
            told.push(word.to_owned());
            true
        });
        generated.inspect(|generated| assert_eq!(generated.words, told))
    };
    let request = GenerateRequest { words: 200, prompt: "the owl".into(), ..Default::default() };
    let first = generate(request.clone()).unwrap();
    assert_eq!((first.words.len(), first.unknown.len()), (200, 0));
    assert_eq!(first.prompt, ["the", "owl"]);
    assert!(first.activity > 0.0 && first.activity < 1.0, "{}", first.activity);
    let again = generate(request.clone()).unwrap();
    assert_eq!(again.words, first.words);
    assert_ne!(
        generate(GenerateRequest { seed: 2, ..request.clone() }).unwrap().words,
        first.words
    );
    // A line of the corpus has 12 words.
    let lines = first.words.iter().filter(|word| *word == "<eos>").count();
    assert!((5..40).contains(&lines), "{lines}");

    let unknown =
        generate(GenerateRequest { prompt: "the cat".into(), words: 1, ..request.clone() });
    let unknown = unknown.unwrap();
    assert_eq!((&unknown.prompt[1][..], unknown.unknown), ("<unk>", vec!["cat".to_owned()]));
    let none = generate(GenerateRequest { prompt: " ".into(), words: 0, ..request }).unwrap();
    assert_eq!((none.prompt, none.words.len()), (vec!["<eos>".to_owned()], 0));
}

#[test]
fn regularisers_of_the_output_and_what_is_carried_change_the_training() {
    let _serial = serial();
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let short = |changes: &[(&str, &str)]| {
        let changes =
            [&[("training.epochs", "2"), ("schedule.type", "constant")], changes].concat();
        let summary = train(&recipe(folder.path(), &changes), folder.path());
        (history(&summary.run_dir)[0].figure("gradient_norm").unwrap(), summary)
    };
    let (plain, carried) = short(&[]);
    for key in ["regularise.activation", "regularise.temporal"] {
        assert_ne!(short(&[(key, "2")]).0, plain, "{key}");
    }
    // A state that starts from zero in each window makes the window matter, in evaluation too.
    let (_, reset) = short(&[("training.carry", "events")]);
    let options = TrainOptions::new(Device::flex(), folder.path());
    let spread = |summary: &Summary| {
        let loss = ["3", "60"].map(|window| {
            let changes = set(&[("sampling.window", window)]);
            let mut run = Registry::default().open(&summary.run_dir, &changes, &options).unwrap();
            run.evaluate().unwrap().figure("test_loss").unwrap()
        });
        (loss[0] - loss[1]).abs() / loss[0]
    };
    assert!(spread(&carried) < 1e-5, "{}", spread(&carried));
    assert!(spread(&reset) > 1e-4, "{}", spread(&reset));
}

#[test]
fn what_does_not_fit_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let options = TrainOptions::new(Device::flex(), folder.path());
    let refused = |changes: &[(&str, &str)]| -> TrainError {
        let started = Registry::default().start(&recipe(folder.path(), changes), &options);
        started.map(|_| ()).unwrap_err()
    };
    let error = refused(&[("model.readout", "last-output")]).to_string();
    assert!(error.contains("use `per-step`"), "{error}");
    let error = refused(&[("data.name", "adding"), ("task.type", "language")]).to_string();
    assert!(error.contains("classification"), "{error}");
}
