//! From words of a corpus to text as people write it.

use super::Vocabulary;

/// Puts the words of a corpus together, one by one, as people write them: WikiText's ` @-@ ` becomes `-`, punctuation goes to
/// the word before it, the end of a line to a new line. What it cannot know it leaves as it is: `<unk>` stays.
///
/// ```
/// use egru_data::corpus::PlainText;
/// let mut text = PlainText::default();
/// let words = r#"" Well @-@ known owls " , he said ( in 1 @,@ 900 ) , aren 't seen . <eos> They are"#;
/// let plain: String = words.split(' ').map(|word| text.add(word)).collect();
/// assert_eq!(plain, "\"Well-known owls\", he said (in 1,900), aren't seen.\nThey are");
/// ```
#[derive(Debug, Clone, Default)]
pub struct PlainText {
    /// Whether a word that follows is set off by a blank.
    open: bool,
    /// Whether a quotation has begun.
    quoted: bool,
}

impl PlainText {
    /// What the next word adds to the text.
    pub fn add(&mut self, word: &str) -> String {
        let glued = |mark: &str| (mark.to_owned(), false);
        let (text, open) = match word {
            Vocabulary::LINE_END => {
                self.quoted = false;
                glued("\n")
            }
            "@-@" => glued("-"),
            "@,@" => glued(","),
            "@.@" => glued("."),
            "/" => glued("/"),
            "\"" => {
                self.quoted = !self.quoted;
                if self.quoted { (self.apart("\""), false) } else { ("\"".to_owned(), true) }
            }
            "(" | "[" | "$" | "£" => (self.apart(word), false),
            "." | "," | ";" | ":" | "!" | "?" | ")" | "]" | "%" | "'" | "n't" => {
                (word.to_owned(), true)
            }
            // Clitics: 's, 't, 're; but not the opening of 'words' of more letters.
            _ if word.starts_with('\'') && word.len() <= 3 => (word.to_owned(), true),
            _ => (self.apart(word), true),
        };
        self.open = open;
        text
    }

    fn apart(&self, word: &str) -> String {
        format!("{}{word}", if self.open { " " } else { "" })
    }
}
