//! Where the files of a data set lie under a data folder, or are to be put.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use crate::{
    catalogue::{DatasetInfo, FileInfo, catalogue},
    error::DataError,
};

impl DatasetInfo {
    /// Whether it is made by this program instead of read from files.
    pub fn is_generated(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether each of its files has an address to fetch it from.
    pub fn can_be_fetched(&self) -> bool {
        !self.is_generated() && self.files.iter().all(|file| !file.urls.is_empty())
    }

    /// The folder of its files under the data root.
    pub fn folder(&self, root: &Path) -> PathBuf {
        if self.name == "." { root.to_path_buf() } else { root.join(&self.name) }
    }

    /// Every path at which `file` is accepted, best first. Folder by folder, its own before
    /// [`folders`](Self::folders): under the names that it goes by, as published first, and then in
    /// a folder of its own, into which some programs unpack each file.
    pub fn candidates(&self, file: &FileInfo, root: &Path) -> Vec<PathBuf> {
        let own = std::iter::once(self.folder(root));
        let folders = own.chain(self.folders.iter().map(|folder| match folder.as_str() {
            "." => root.to_path_buf(),
            folder => root.join(folder),
        }));
        let names = file.names();
        let (decompressed, _): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| !name.ends_with(".gz"));
        let mut paths = Vec::new();
        for folder in folders {
            paths.extend(names.iter().map(|name| folder.join(name)));
            // By the name with `-idx3-`, whatever the file in it is called.
            if let (Some(unpacked), true) = (decompressed.first(), names.len() > 2) {
                let unpacked = folder.join(unpacked);
                paths.extend(decompressed.iter().map(|name| unpacked.join(name)));
            }
        }
        paths
    }

    /// Where `file` is, if it is there.
    pub fn locate(&self, file: &FileInfo, root: &Path) -> Option<PathBuf> {
        self.candidates(file, root).into_iter().find(|path| path.is_file())
    }

    /// Where `file` is.
    ///
    /// # Errors
    /// [`DataError::Missing`], with every place looked in and how to get it.
    pub(crate) fn find(&self, file: &FileInfo, root: &Path) -> Result<PathBuf, DataError> {
        self.locate(file, root).ok_or_else(|| DataError::Missing {
            dataset: self.name.clone(),
            file: file.name.clone(),
            looked_for: self.candidates(file, root),
            remedy: self.placement(Some(root)),
        })
    }

    /// The data root, which a set of files cannot do without.
    ///
    /// # Errors
    /// [`DataError::NoRoot`], with how to get the files.
    pub fn require_root<'a>(&self, root: Option<&'a Path>) -> Result<&'a Path, DataError> {
        root.ok_or_else(|| DataError::NoRoot {
            dataset: self.name.clone(),
            remedy: self.placement(None),
        })
    }

    /// How to get the files by hand, for people. `root` is the data folder, if one is known.
    pub fn placement(&self, root: Option<&Path>) -> String {
        if self.is_generated() {
            return format!("`{}` is generated: there is nothing to fetch.", self.name);
        }
        let root = root.unwrap_or(Path::new("DIR"));
        let folder = self.folder(root);
        let mut text = match (&self.by_hand, self.can_be_fetched()) {
            (None, true) => {
                format!("Fetch `{}` into {}, or place by hand:", self.name, folder.display())
            }
            (None, false) => format!("Place by hand in {}:", folder.display()),
            (Some(how), _) => format!("Place by hand in {} ({how}):", folder.display()),
        };
        // Writing to a String cannot fail.
        for file in &self.files {
            let path = folder.join(&file.name);
            let _ = match file.urls.first() {
                Some(url) => write!(text, "\n  {url}\n    as {}", path.display()),
                None => write!(text, "\n  {}", path.display()),
            };
            let _ = match (file.bytes, file.sha256.as_str()) {
                (0, _) => Ok(()),
                (bytes, "") => write!(text, " ({bytes} bytes)"),
                (bytes, sha256) => write!(text, " ({bytes} bytes, sha256 {sha256})"),
            };
        }
        text
    }
}

impl FileInfo {
    /// The names that the file goes by: as published, decompressed, and for a file in IDX form with
    /// a dot before `idx`, as it is called inside of its gzip form.
    fn names(&self) -> Vec<String> {
        let published = &self.name;
        let plain = self.plain.as_ref().map(|plain| plain.name.clone());
        let Some((stem, rest)) = published.rsplit_once("-idx") else {
            return std::iter::once(published.clone()).chain(plain).collect();
        };
        let dimensions = rest.strip_suffix(".gz").unwrap_or(rest);
        let plain = plain.unwrap_or_else(|| format!("{stem}-idx{dimensions}"));
        let dotted = format!("{stem}.idx{dimensions}");
        let dotted_gz = format!("{dotted}.gz");
        vec![published.clone(), plain, dotted, dotted_gz]
    }
}

impl DataError {
    /// The data set whose published files, fetched, would cure this: for a program to say how it
    /// fetches.
    pub fn cured_by_fetching(&self) -> Option<&str> {
        let dataset = match self {
            Self::NoRoot { dataset, .. }
            | Self::Missing { dataset, .. }
            | Self::Idx { dataset, .. }
            | Self::CountMismatch { dataset, .. }
            | Self::SizeMismatch { dataset, .. } => dataset,
            _ => return None,
        };
        let known = |info: &&DatasetInfo| info.name == *dataset && info.can_be_fetched();
        catalogue().iter().find(known).map(|info| info.name.as_str())
    }
}
