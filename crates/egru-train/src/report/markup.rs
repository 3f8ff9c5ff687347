//! Text for a page: escaping, and figures as people write them.

/// `text` with the characters that mean something in HTML, XML and attribute values replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters are not allowed in XML, so an SVG file with one would not open.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A share in `[0, 1]` as a percentage, or a dash.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{:.1} %", 100.0 * share))
}

/// A count with a decimal prefix: `870`, `12.3 k`, `4.80 M`.
pub(super) fn count(value: f64) -> String {
    let (scaled, prefix) = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
        .into_iter()
        .find(|(unit, _)| value >= *unit)
        .map_or((value, ""), |(unit, prefix)| (value / unit, prefix));
    match prefix {
        "" => format!("{scaled:.0}"),
        _ if scaled < 10.0 => format!("{scaled:.2} {prefix}"),
        _ if scaled < 100.0 => format!("{scaled:.1} {prefix}"),
        _ => format!("{scaled:.0} {prefix}"),
    }
}

/// Bytes with a binary prefix.
pub(super) fn bytes(value: usize) -> String {
    match value {
        0..1024 => format!("{value} B"),
        1024..1_048_576 => format!("{:.1} KiB", value as f64 / 1024.0),
        _ => format!("{:.1} MiB", value as f64 / 1_048_576.0),
    }
}

/// Wall time as hours, minutes and seconds.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{:.1} s", seconds.max(0.0)),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("<a href='x'>\"&\u{7}"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\u{fffd}");
    }

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!(percent(Some(0.9834)), "98.3 %");
        assert_eq!(percent(None), "–");
        assert_eq!(count(870.0), "870");
        assert_eq!(count(12_345.0), "12.3 k");
        assert_eq!(count(4.8e6), "4.80 M");
        assert_eq!(bytes(2048), "2.0 KiB");
        assert_eq!(duration(7.25), "7.2 s");
        assert_eq!(duration(133.0), "2 min 13 s");
        assert_eq!(duration(7300.0), "2 h 1 min");
    }
}
