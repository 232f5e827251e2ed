//! The format of a file, inferred from its name: rows or plain text, and its compression.

use std::path::Path;

use super::codec::Codec;

/// What a file contains once it is decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    /// One object per line.
    Jsonl,
    /// An array of objects, or objects after each other, usually one per line.
    Json,
    /// Comma-separated, cells quoted as in RFC 4180.
    Csv,
    /// Tab-separated, quotes taken literally.
    Tsv,
    Parquet,
}

/// Extensions of binary files, which are skipped in folders.
const BINARY: &[&str] = &[
    "7z",
    "a",
    "avi",
    "bin",
    "bmp",
    "class",
    "dll",
    "dylib",
    "exe",
    "gif",
    "gguf",
    "ico",
    "jar",
    "jpeg",
    "jpg",
    "mkv",
    "mov",
    "mp3",
    "mp4",
    "npy",
    "npz",
    "o",
    "onnx",
    "pdf",
    "png",
    "pt",
    "pyc",
    "pyd",
    "rar",
    "safetensors",
    "so",
    "tar",
    "tbz2",
    "tgz",
    "txz",
    "tzst",
    "wav",
    "webp",
    "whl",
    "woff",
    "woff2",
    "zip",
];

/// Names, without extension, of texts that describe a data set.
const ABOUT: &[&str] = &[
    "authors",
    "changelog",
    "citation",
    "contributing",
    "contributors",
    "copying",
    "datasheet",
    "licence",
    "license",
    "notice",
    "readme",
    "source",
    "sources",
];

/// Names of JSON files that the `datasets` library writes beside the data.
const METADATA: &[&str] =
    &["dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"];

impl Format {
    /// What files of this format are called in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Text => "plain text",
            Format::Jsonl => "jsonl",
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Parquet => "parquet",
        }
    }

    /// Format and codec of a file of this name.
    pub(super) fn of(path: &Path) -> (Format, Option<Codec>) {
        let name = file_name(path);
        let (stem, codec) = split_codec(&name);
        let format = match extension(stem) {
            "jsonl" | "ndjson" => Format::Jsonl,
            "json" => Format::Json,
            "csv" => Format::Csv,
            "tsv" => Format::Tsv,
            "parquet" | "pq" => Format::Parquet,
            _ => Format::Text,
        };
        (format, codec)
    }
}

/// Whether a file of this name is about the rows in the files beside it.
pub(super) fn is_about(path: &Path, format: Format) -> bool {
    let name = file_name(path);
    match format {
        Format::Text => ABOUT.contains(&name.split('.').next().unwrap_or_default()),
        Format::Json => METADATA.contains(&name.as_str()),
        _ => false,
    }
}

/// The kind of archive that a file of this name is.
pub(super) fn archive(path: &Path) -> Option<&'static str> {
    match extension(split_codec(&file_name(path)).0) {
        "tar" | "tbz2" | "tgz" | "txz" | "tzst" => Some("tar"),
        "zip" => Some("zip"),
        "7z" => Some("7z"),
        "rar" => Some("rar"),
        _ => None,
    }
}

/// Whether a file of this name is skipped in folders because it is binary.
pub(super) fn is_binary(path: &Path) -> bool {
    let name = file_name(path);
    BINARY.contains(&extension(split_codec(&name).0))
}

/// Whether a file or folder of this name is hidden.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// A name without the extension of its codec, and the codec.
fn split_codec(name: &str) -> (&str, Option<Codec>) {
    match name.rsplit_once('.') {
        Some((stem, ending)) => match Codec::of_ending(ending) {
            Some(codec) => (stem, Some(codec)),
            None => (name, None),
        },
        None => (name, None),
    }
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}
