//! All errors of the core, as one enum.
//!
//! A message is one sentence in lower case that names the thing and the remedy.

use std::io;
use std::path::{Path, PathBuf};

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of this crate; [`std::error::Error::source`] returns the underlying cause, if any.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is invalid: a depth of 0, an unknown alphabet.
    #[error("{0}")]
    InvalidArgument(String),

    /// The operating system failed on a file: missing, unreadable, disk full.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// A corpus file is damaged, truncated or not in the format that its name implies.
    #[error("{}: {reason}", path.display())]
    Corpus {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },

    /// One row of a corpus has no usable text.
    #[error("{}, {unit} {row}: {reason}; {remedy}", path.display())]
    BadRow {
        /// The file.
        path: PathBuf,
        /// What `row` counts: a `document` or `line` of a text file, a `line` of JSON lines, or a
        /// `row` of another file.
        unit: &'static str,
        /// Its number, from 1.
        row: u64,
        /// What is wrong.
        reason: String,
        /// What to do about it, apart from skipping the row.
        remedy: String,
    },

    /// A corpus contains no documents.
    #[error(
        "{0}: no documents found; name a file or folder with non-empty .txt, .jsonl, .csv or .parquet files"
    )]
    EmptyCorpus(String),

    /// A tokenizer file cannot be loaded.
    #[error("{}: not a usable tokenizer.json ({reason}); save one with the tokenizers package", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// The error of the tokenizers library.
        reason: String,
    },

    /// A tree file is damaged, of another version or not a token tree.
    #[error("{}: {reason}", path.display())]
    TreeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },

    /// A tree model's file is damaged, of another version or not a tree model.
    #[error("{}: {reason}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },

    /// A compressed file is damaged, has another format, or was coded with another model.
    #[error("{}: {reason}", path.display())]
    CodedFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },

    /// A language model failed while coding.
    #[error("the language model failed: {source}")]
    Model {
        /// The model's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The operating system starts no further thread.
    #[error("cannot start a thread ({source}): end other programs, or allow more with ulimit -u")]
    Thread {
        /// The system's error.
        source: io::Error,
    },

    /// Temporary files cannot be written: no space left, or the folder is not writable.
    #[error("{}: cannot write temporary files ({source}); free some space there or set TMPDIR to another folder", path.display())]
    Temporary {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// The bytes of a code or codebook do not decode.
    #[error("the code is damaged: {0}")]
    Code(String),

    /// The job was asked to stop before it finished.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An [`Error::Thread`], for `map_err`.
    pub(crate) fn thread(source: io::Error) -> Error {
        Error::Thread { source }
    }

    /// An [`Error::Io`] on `path`, for `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_path_buf(), source }
    }
}
