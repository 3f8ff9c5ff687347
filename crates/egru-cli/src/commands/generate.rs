//! `generate`: words from a trained network, as it chooses them.

use std::process::ExitCode;

use egru_data::corpus::PlainText;
use egru_train::{GenerateRequest, RunDir};
use serde_json::json;

use super::{Context, Outcome};
use crate::args::GenerateArgs;
use crate::interrupt::on_interrupt;
use crate::place;

/// Goes on from a prompt, word by word.
pub(crate) fn run(context: &Context<'_>, args: &GenerateArgs) -> Outcome {
    let (_, recipe) = RunDir::open(&args.run)?;
    let options = place::options(context, &args.place, &args.run, false)?;
    place::fetch_missing(context, &args.place, &recipe)?;
    let request = GenerateRequest {
        prompt: args.prompt.clone(),
        words: args.words,
        temperature: args.temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        seed: args.seed,
    };
    let interrupter = options.interrupter.clone();
    on_interrupt({
        let interrupter = interrupter.clone();
        move || interrupter.stop(Some("interrupted"))
    })?;
    let mut session = context.registry.open(&args.run, &[], &options)?;
    let out = &context.out;
    let mut plain = PlainText::default();
    let mut show = |word: &str| match args.raw {
        true => format!("{word} "),
        false => plain.add(word),
    };
    for word in args.prompt.split_whitespace() {
        out.stream(&show(word));
    }
    // Nobody needs words that nobody reads.
    let generated = session
        .generate(&request, &mut |word| out.stream(&show(word)) && !interrupter.should_stop())?;
    let rate = generated.words.len() as f64 / generated.seconds.max(1e-9);
    out.say(format!(
        "\n\n{} words, {rate:.0} words/s, {:.1} % of the units active",
        generated.words.len(),
        100.0 * generated.activity
    ));
    if !generated.unknown.is_empty() {
        out.say(format!("read as <unk>: {}", generated.unknown.join(", ")));
    }
    out.finish(&json!({
        "prompt": generated.prompt,
        "unknown": generated.unknown,
        "words": generated.words,
        "text": text(&generated.words),
        "seconds": generated.seconds,
        "words_per_second": rate,
        "activity": generated.activity,
    }));
    Ok(ExitCode::SUCCESS)
}

/// The words as people write them.
fn text(words: &[String]) -> String {
    let mut plain = PlainText::default();
    words.iter().map(|word| plain.add(word)).collect()
}
