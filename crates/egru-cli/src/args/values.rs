//! Values as they are typed, and words as a shell reads them back.

use std::ffi::OsStr;

use egru_bench::Calibration;
use egru_data::events::Sensor;

/// A word as a shell reads it back.
pub(super) fn quoted(word: &OsStr) -> String {
    let Some(text) = word.to_str() else { return escaped(word.as_encoded_bytes()) };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What is no text, as bash and zsh read it back.
fn escaped(bytes: &[u8]) -> String {
    let byte = |&byte: &u8| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    format!("$'{}'", bytes.iter().map(byte).collect::<String>())
}

/// A number of threads, of which each costs memory and a place in every queue.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    let machine = std::thread::available_parallelism().map_or(1, usize::from);
    let most = (8 * machine).max(256);
    match text.trim().parse() {
        Ok(threads) if (1..=most).contains(&threads) => Ok(threads),
        _ => Err(format!(
            "`{text}` is no number of threads from 1 to {most}, and this machine runs {machine} at once"
        )),
    }
}

/// A seed, as large as a recipe's file can hold.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    match text.trim().parse() {
        Ok(seed) if i64::try_from(seed).is_ok() => Ok(seed),
        _ => Err(format!("a seed is a whole number from 0 to {}", i64::MAX)),
    }
}

/// Splits `key=value` at the first `=`.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("`{text}` is not KEY=VALUE, such as training.epochs=3")),
    }
}

/// A share of active units.
pub(super) fn activity(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err(format!("`{text}` is not a share above 0 and at most 1, such as 0.15")),
    }
}

pub(super) fn calibration(text: &str) -> Result<Calibration, String> {
    let number = |text: &str| text.parse::<f64>().map_err(|error| format!("`{text}`: {error}"));
    let (theta, eps) = text.split_once(',').ok_or_else(|| format!("`{text}` is not THETA,EPS"))?;
    Ok(Calibration { theta: number(theta)?, eps: number(eps)? })
}

/// The size of a picture, as in `128x128`.
pub(super) fn sensor(text: &str) -> Result<Sensor, String> {
    let side = |side: &str| side.parse().ok().filter(|side: &u16| (1..=1 << 15).contains(side));
    let sides =
        text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let (width, height) =
        sides.ok_or_else(|| format!("`{text}` is not WIDTHxHEIGHT in pixels, such as 128x128"))?;
    Ok(Sensor { width, height })
}
