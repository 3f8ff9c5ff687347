//! The published sets in the form of MNIST.

use serde::{Deserialize, Serialize};

/// A published set of small grey-scale images in the form of MNIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Variant {
    /// Digits (LeCun, Cortes, Burges).
    #[default]
    Mnist,
    /// Articles of clothing (Xiao, Rasul, Vollgraf 2017).
    FashionMnist,
    /// Cursive Japanese characters (Clanuwat et al. 2018).
    Kmnist,
    /// Digits, capital and small letters (Cohen et al. 2017), as all sets of EMNIST.
    EmnistByclass,
    /// As by class, with small letters that look like their capitals merged with them.
    EmnistBymerge,
    /// As by merge, each class as often.
    EmnistBalanced,
    /// Letters, capital and small ones as one class.
    EmnistLetters,
    /// Digits.
    EmnistDigits,
    /// Digits, as many as in MNIST.
    EmnistMnist,
}

impl Variant {
    /// Its name in the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Kmnist => "kmnist",
            Self::EmnistByclass => "emnist-byclass",
            Self::EmnistBymerge => "emnist-bymerge",
            Self::EmnistBalanced => "emnist-balanced",
            Self::EmnistLetters => "emnist-letters",
            Self::EmnistDigits => "emnist-digits",
            Self::EmnistMnist => "emnist-mnist",
        }
    }

    /// The label of the first class in its files.
    pub fn first_label(self) -> u8 {
        u8::from(self == Self::EmnistLetters)
    }

    /// Whether its files hold each image column by column: rows and columns are exchanged in reading.
    pub fn is_transposed(self) -> bool {
        !matches!(self, Self::Mnist | Self::FashionMnist | Self::Kmnist)
    }

    /// Names of its classes, in the order of their labels.
    pub fn class_names(self) -> Vec<String> {
        let characters = |text: &str| text.chars().map(String::from).collect();
        let words = |text: &str| text.split(", ").map(str::to_owned).collect();
        match self {
            Self::Mnist | Self::EmnistDigits | Self::EmnistMnist => characters("0123456789"),
            Self::FashionMnist => words(
                "T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot",
            ),
            Self::Kmnist => words("o, ki, su, tsu, na, ha, ma, ya, re, wo"),
            Self::EmnistByclass => {
                characters("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
            }
            Self::EmnistBymerge | Self::EmnistBalanced => {
                characters("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
            }
            Self::EmnistLetters => characters("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    const ALL: [Variant; 9] = [
        Variant::Mnist,
        Variant::FashionMnist,
        Variant::Kmnist,
        Variant::EmnistByclass,
        Variant::EmnistBymerge,
        Variant::EmnistBalanced,
        Variant::EmnistLetters,
        Variant::EmnistDigits,
        Variant::EmnistMnist,
    ];

    #[test]
    fn every_variant_is_in_the_catalogue_with_its_four_files_in_order() {
        for variant in ALL {
            let info = catalogue::find(variant.name()).unwrap();
            assert_eq!(info.used_by, ["smnist"]);
            let names: Vec<&str> = info.files.iter().map(|file| file.name.as_str()).collect();
            let [train_images, train_labels, images, labels] = names[..] else {
                panic!("{names:?}")
            };
            assert!(train_images.contains("train-images") && train_labels.contains("train-labels"));
            assert!(images.ends_with("images-idx3-ubyte.gz"), "{images}");
            assert!(labels.ends_with("labels-idx1-ubyte.gz"), "{labels}");
            assert_eq!(serde_json::to_value(variant).unwrap(), variant.name());
        }
    }

    #[test]
    fn class_names_are_as_many_as_the_publications_say_and_differ() {
        for (variant, count) in ALL.iter().zip([10, 10, 10, 62, 47, 47, 26, 10, 10]) {
            let mut names = variant.class_names();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{variant:?}");
        }
    }
}
