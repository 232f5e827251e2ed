//! How a corpus is read.

use crate::{Error, Result};

/// How a plain text file is split into documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// The file is one document.
    #[default]
    Document,
    /// Every non-empty line is a document, without its line ending.
    Line,
    /// Every paragraph is a document, without its final line ending; blank lines separate them.
    Paragraph,
}

impl Split {
    /// `document`, `line` or `paragraph`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Document => "document",
            Split::Line => "line",
            Split::Paragraph => "paragraph",
        }
    }

    /// Parses `document`, `line` or `paragraph`.
    pub fn parse(name: &str) -> Result<Split> {
        match name {
            "document" => Ok(Split::Document),
            "line" => Ok(Split::Line),
            "paragraph" => Ok(Split::Paragraph),
            _ => Err(Error::InvalidArgument(format!(
                "unknown split '{name}': choose document, line or paragraph"
            ))),
        }
    }
}

/// What to do with a row without usable text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBadRow {
    /// Stop with [`crate::Error::BadRow`].
    #[default]
    Error,
    /// Skip and count the row.
    Skip,
}

impl OnBadRow {
    /// `error` or `skip`.
    pub fn name(self) -> &'static str {
        match self {
            OnBadRow::Error => "error",
            OnBadRow::Skip => "skip",
        }
    }

    /// Parses `error` or `skip`.
    pub fn parse(name: &str) -> Result<OnBadRow> {
        match name {
            "error" => Ok(OnBadRow::Error),
            "skip" => Ok(OnBadRow::Skip),
            _ => Err(Error::InvalidArgument(format!(
                "unknown policy '{name}' for bad rows: choose error or skip"
            ))),
        }
    }
}

/// The columns of a row that are handed out, as a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    All,
    /// Those of these that a row has.
    Named(Vec<String>),
}

/// How a corpus is read; `docs/measure.md` explains each option.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOptions {
    /// How plain text is split into documents.
    pub split: Split,
    /// Split plain text at every occurrence of this instead, such as `<|endoftext|>`.
    pub split_on: Option<String>,
    /// Globs of the files to read in folders; none: all.
    pub include: Vec<String>,
    /// Globs of the files not to read in folders.
    pub exclude: Vec<String>,
    /// Dotted paths of the text in a jsonl or Parquet row; several texts are joined by a line feed.
    pub text_key: Vec<String>,
    /// Read only this many documents (after sampling), in sorted order of the files.
    pub limit: Option<u64>,
    /// Keep each document with this probability, above 0 and at most 1.
    pub sample: Option<f64>,
    /// Seed of the sampling.
    pub seed: u64,
    /// Seed of a bootstrap replicate: repeat each document a Poisson number of times, mean 1.
    pub resample: Option<u64>,
    /// Hand out these columns of each row instead of a text; see [`super::Corpus::rows`].
    pub columns: Option<Columns>,
    /// What to do with a bad row.
    pub on_bad_row: OnBadRow,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            split: Split::Document,
            split_on: None,
            include: Vec::new(),
            exclude: Vec::new(),
            text_key: vec!["text".to_string()],
            limit: None,
            sample: None,
            seed: 0,
            resample: None,
            columns: None,
            on_bad_row: OnBadRow::Error,
        }
    }
}

impl ReadOptions {
    /// Returns [`Error::InvalidArgument`] if an option is out of range.
    pub(super) fn check(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::InvalidArgument(message));
        if let Some(sample) = self.sample.filter(|sample| !(*sample > 0.0 && *sample <= 1.0)) {
            return invalid(format!("sample {sample}: must be above 0 and at most 1"));
        }
        if self.split_on.as_ref().is_some_and(String::is_empty) {
            return invalid("an empty separator to split on: name one".to_string());
        }
        if self.split_on.is_some() && self.split != Split::Document {
            let split = self.split.name();
            return invalid(format!("split {split} and a separator to split on: choose one"));
        }
        if self.limit == Some(0) {
            return invalid("limit 0: must be at least 1".to_string());
        }
        if self.text_key.is_empty() {
            return invalid("no text key: give at least one".to_string());
        }
        if let Some(key) = self.text_key.iter().find(|key| key.split('.').any(str::is_empty)) {
            return invalid(format!("text key `{key}`: no part of the path may be empty"));
        }
        Ok(())
    }
}
