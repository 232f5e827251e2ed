//! Paths in, a corpus out: files, folders, globs and `-`, sorted, without duplicates.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::codec::{Codec, SMALL_WINDOW, zstd_window};
use super::format::{Format, archive, is_binary, is_hidden};
use super::options::ReadOptions;
use super::sample::name_hash;
use super::sniff::archived;
use super::walk::{self, walk};
use crate::io::Stream;
use crate::{Error, Result};

/// The path that means standard input.
pub(super) const STDIN: &str = "-";

/// One file of a corpus.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub path: PathBuf,
    /// Bytes on disk; 0 if unknown (standard input, pipes).
    pub size: u64,
    /// The data of standard input or a pipe, which can be read only once.
    pub stream: Option<Arc<Stream>>,
    pub format: Format,
    pub codec: Option<Codec>,
    /// Hash of the path relative to the argument that found the file, which sampling uses.
    pub name_hash: u64,
}

impl File {
    /// The file at `path`, found below the folder `root` (equal to `path` if named directly).
    fn new(path: PathBuf, root: &Path) -> Result<File> {
        let (format, codec) = Format::of(&path);
        if format == Format::Parquet && codec.is_some() {
            let reason = "Parquet files must not be compressed as a whole: decompress it";
            return Err(Error::Corpus { path, reason: reason.to_string() });
        }
        if let Some(name) = archive(&path) {
            return Err(Error::Corpus { path, reason: archived(name) });
        }
        let (size, stream) = if path.as_os_str() == STDIN {
            (0, Some(Arc::new(Stream::stdin())))
        } else {
            let metadata = fs::metadata(&path).map_err(Error::io(&path))?;
            match metadata.is_file() {
                true => (metadata.len(), None),
                false => (0, Some(Arc::new(Stream::of(path.clone())))),
            }
        };
        if format == Format::Parquet && stream.is_some() {
            let reason = "Parquet cannot be read from a pipe; save it to a file first";
            return Err(Error::Corpus { path, reason: reason.to_string() });
        }
        let below = path.strip_prefix(root).unwrap_or(&path);
        let name = if below.as_os_str().is_empty() {
            path.file_name().unwrap_or_default().as_encoded_bytes().to_vec()
        } else {
            let parts: Vec<_> = below.iter().map(|part| part.as_encoded_bytes()).collect();
            parts.join(&b'/')
        };
        Ok(File { size, stream, format, codec, name_hash: name_hash(&name), path })
    }
}

/// A corpus: its files, and how to read them.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The paths as the user gave them, joined by `, `.
    pub name: String,
    paths: Vec<PathBuf>,
    pub(super) files: Vec<File>,
    pub(super) options: ReadOptions,
}

impl Corpus {
    /// Finds the files that `paths` name: files, folders, globs, and `-` for standard input.
    ///
    /// A file named directly is always read. A folder contributes all files below it except hidden
    /// ones and those with the extension of a binary format. `.jsonl` and `.ndjson` files have one
    /// JSON object per line, `.json` files an array of objects or one object after the other,
    /// `.csv` and `.tsv` files a line of column names and a row per record, `.parquet` and `.pq`
    /// files are Parquet, and all others and standard input are plain text. All but Parquet may be
    /// compressed as a whole, with the additional extension `.gz`, `.zst`, `.xz` or `.bz2`. Files
    /// are sorted by path, without duplicates.
    pub fn discover(paths: &[PathBuf], options: ReadOptions) -> Result<Corpus> {
        options.check()?;
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let files = discover(paths)?;
        Ok(Corpus { name: names.join(", "), paths: paths.to_vec(), files, options })
    }

    /// The paths as the user gave them.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// How the corpus is read.
    pub fn options(&self) -> &ReadOptions {
        &self.options
    }

    /// The files, in the order in which they are read.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Total size of the files on disk in bytes; 0 (unknown) if a stream is among them.
    pub fn size(&self) -> u64 {
        let has_stream = self.files.iter().any(|file| file.stream.is_some());
        if has_stream { 0 } else { self.files.iter().map(|file| file.size).sum() }
    }

    /// Whether standard input or a pipe, which can be read only once, is one of the files.
    pub fn reads_stdin(&self) -> bool {
        self.files.iter().filter_map(|file| file.stream.as_ref()).any(|stream| !stream.is_kept())
    }

    /// The same corpus, whose standard input and pipes are kept in temporary files while they are
    /// read, so that it can be read more than once.
    pub fn kept(&self) -> Result<Corpus> {
        let mut corpus = self.clone();
        for stream in corpus.files.iter_mut().filter_map(|file| file.stream.as_mut()) {
            if !stream.is_kept() {
                *stream = Arc::new(stream.kept()?);
            }
        }
        Ok(corpus)
    }

    /// Number of .zst files.
    pub(super) fn zstd_files(&self) -> u64 {
        self.files.iter().filter(|file| file.codec == Some(Codec::Zstd)).count() as u64
    }

    /// Whether a .zst file needs more than the usual memory, judging by its first frame.
    pub fn has_large_windows(&self) -> Result<bool> {
        for file in &self.files {
            if file.codec == Some(Codec::Zstd) && file.stream.is_none() {
                let mut head = Vec::new();
                fs::File::open(&file.path)
                    .and_then(|disk| disk.take(Codec::HEAD).read_to_end(&mut head))
                    .map_err(Error::io(&file.path))?;
                if zstd_window(&head).is_some_and(|window| window > SMALL_WINDOW) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether any file has rows, so that a text key applies.
    pub fn reads_rows(&self) -> bool {
        self.files.iter().any(|file| file.format != Format::Text)
    }

    /// Whether any file is plain text, so that `split` applies.
    pub fn reads_text(&self) -> bool {
        self.files.iter().any(|file| file.format == Format::Text)
    }

    /// The same files with resampled documents, for a bootstrap replicate; `limit` applies first.
    pub fn resampled(&self, seed: u64) -> Corpus {
        let mut corpus = self.clone();
        corpus.options.resample = Some(seed);
        corpus
    }
}

/// All files that `paths` name, sorted by path, without duplicates.
fn discover(paths: &[PathBuf]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut stdin = false;
    for path in paths {
        if path.as_os_str() == STDIN {
            if std::mem::replace(&mut stdin, true) {
                let reason = "standard input (-) is named twice, but can be read only once";
                return Err(Error::InvalidArgument(reason.to_string()));
            }
            files.push(File::new(path.clone(), path)?);
            continue;
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => folder(path, path, &mut files)?,
            Ok(_) => files.push(File::new(path.clone(), path)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound && walk::is_glob(path) => {
                globbed(path, &mut files)?;
            }
            Err(error) => return Err(Error::io(path)(error)),
        }
    }
    files.sort_by(|a, b| {
        a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes())
    });
    let mut seen = HashSet::new();
    // Pipes and standard input have no canonical path and stand for themselves.
    files.retain(|file| seen.insert(file.path.canonicalize().unwrap_or(file.path.clone())));
    Ok(files)
}

/// The files that a glob matches, and those below the folders that it matches.
fn globbed(pattern: &Path, files: &mut Vec<File>) -> Result<()> {
    let (root, matches) = walk::expand(pattern)?;
    if matches.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "no file matches this pattern");
        return Err(Error::io(pattern)(source));
    }
    for path in matches {
        if path.is_dir() {
            folder(&path, &root, files)?;
        } else {
            files.push(File::new(path, &root)?);
        }
    }
    Ok(())
}

/// The files below the folder `path` that are neither hidden nor binary, named relative to `root`.
fn folder(path: &Path, root: &Path, files: &mut Vec<File>) -> Result<()> {
    let enter = |entry: &Path| !is_hidden(entry);
    for path in walk(path, usize::MAX, enter)? {
        if path.is_file() && !is_binary(&path) {
            files.push(File::new(path, root)?);
        } else {
            // A broken link is an error, not a silent gap in the corpus.
            fs::metadata(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}
