//! What a caller hears while files are fetched.

/// What a caller hears while files are fetched. Every method does nothing unless overridden.
pub trait FetchMonitor: Sync {
    /// A transfer starts, with `done` of `total` bytes there already.
    fn start(&self, file: &str, url: &str, done: u64, total: u64) {
        let _ = (file, url, done, total);
    }

    /// `done` bytes of the file are there now.
    fn advance(&self, file: &str, done: u64) {
        let _ = (file, done);
    }

    /// The file is complete, correct and in place.
    fn finish(&self, file: &str) {
        let _ = file;
    }

    /// Something a person may want to know: a mirror that failed, a bad file being replaced.
    fn note(&self, file: &str, message: &str) {
        let _ = (file, message);
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl FetchMonitor for Silent {}
