//! Everything that can go wrong in the core, as one enum.
//!
//! Messages are one sentence in lower case that names the thing and says what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong; [`std::error::Error::source`] leads to the cause underneath, if there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller asked for something that cannot be: a depth of 0, an unknown alphabet.
    #[error("{0}")]
    InvalidArgument(String),

    /// The operating system refused a file: missing, unreadable, disk full.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A corpus file is damaged, truncated or not of the format its name says.
    #[error("{}: {reason}", path.display())]
    Corpus {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// One row of a corpus has no usable text.
    #[error("{}, {unit} {row}: {reason}; mend it, or leave such rows out with --on-bad-row skip", path.display())]
    BadRow {
        /// The file.
        path: PathBuf,
        /// What is counted: `document` or `line` of a text file, `line` of a jsonl file, `row` of
        /// a Parquet file.
        unit: &'static str,
        /// Its number, from 1.
        row: u64,
        /// What is wrong with it.
        reason: String,
    },

    /// A corpus holds no document at all.
    #[error(
        "{0}: no documents in it; name a file or folder with .txt, .jsonl or .parquet files that are not empty"
    )]
    EmptyCorpus(String),

    /// A tokenizer file cannot be loaded.
    #[error("{}: not a usable tokenizer.json ({reason}); save one with the tokenizers package", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the tokenizers library said.
        reason: String,
    },

    /// A tree file is damaged, of another version or not a token tree.
    #[error("{}: {reason}", path.display())]
    TreeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A tree model's file is damaged, of another version or not a tree model.
    #[error("{}: {reason}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A compressed file is damaged, foreign, or was coded with another model.
    #[error("{}: {reason}", path.display())]
    CodedFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A language model failed while it coded.
    #[error("the language model failed: {source}")]
    Model {
        /// What went wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The folder for temporary files failed: no space left, not writable.
    #[error("{}: the temporary folder failed ({source}); free some space there or set TMPDIR to another folder", path.display())]
    Temporary {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The bytes of a code or codebook do not decode.
    #[error("the code is damaged: {0}")]
    Code(String),

    /// The job was asked to stop before it was done.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An [`Error::Io`] on `path`, for `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_path_buf(), source }
    }
}
