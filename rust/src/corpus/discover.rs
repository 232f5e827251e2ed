//! Paths in, a corpus out: files, folders, globs and `-`, sorted, without duplicates.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::codec::{Codec, SMALL_WINDOW, zstd_window};
use super::format::{Format, archive, is_about, is_binary, is_hidden};
use super::options::ReadOptions;
use super::sample::name_hash;
use super::sniff::archived;
use super::walk::{self, Filter, walk};
use crate::io::Stream;
use crate::{Error, Result};

/// The path that means standard input.
pub(super) const STDIN: &str = "-";

/// One file of a corpus.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub path: PathBuf,
    /// Number of the file in its corpus, from 0.
    pub index: usize,
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
        Ok(File { index: 0, size, stream, format, codec, name_hash: name_hash(&name), path })
    }
}

/// A corpus: its files, and how to read them.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The paths as the user gave them, joined by `, `.
    pub name: String,
    paths: Vec<PathBuf>,
    pub(super) files: Vec<File>,
    left_out: Vec<PathBuf>,
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
        let found = discover(paths, &Filter::new(&options)?)?;
        let (name, paths) = (names.join(", "), paths.to_vec());
        Ok(Corpus { name, paths, files: found.files, left_out: found.left_out, options })
    }

    /// The files in folders of rows that are about the data, such as a README, and are not read.
    pub fn left_out(&self) -> &[PathBuf] {
        &self.left_out
    }

    /// The formats of the files, `plain text` among them, and how many files each has.
    pub fn kinds(&self) -> BTreeMap<&'static str, u64> {
        let mut kinds = BTreeMap::new();
        for file in &self.files {
            *kinds.entry(file.format.name()).or_default() += 1;
        }
        kinds
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

/// What paths name.
#[derive(Default)]
struct Found {
    files: Vec<File>,
    /// See [`Corpus::left_out`].
    left_out: Vec<PathBuf>,
}

/// All files that `paths` name, sorted by path, without duplicates.
fn discover(paths: &[PathBuf], filter: &Filter) -> Result<Found> {
    let mut found = Found::default();
    let mut stdin = false;
    for path in paths {
        if path.as_os_str() == STDIN {
            if std::mem::replace(&mut stdin, true) {
                let reason = "standard input (-) is named twice, but can be read only once";
                return Err(Error::InvalidArgument(reason.to_string()));
            }
            found.files.push(File::new(path.clone(), path)?);
            continue;
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => found.add(folder(path)?, path, path, filter)?,
            Ok(_) => found.files.push(File::new(path.clone(), path)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound && walk::is_glob(path) => {
                let (root, files) = globbed(path)?;
                found.add(files, &root, path, filter)?;
            }
            Err(error) => return Err(Error::io(path)(error)),
        }
    }
    let files = &mut found.files;
    files.sort_by(|a, b| {
        a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes())
    });
    let mut seen = HashSet::new();
    // Pipes and standard input have no canonical path and stand for themselves.
    files.retain(|file| seen.insert(file.path.canonicalize().unwrap_or(file.path.clone())));
    for (index, file) in files.iter_mut().enumerate() {
        file.index = index;
    }
    Ok(found)
}

impl Found {
    /// Adds the `files` below `root` that `argument` stands for: those that the filter accepts, and
    /// if any of them has rows, only those that are not about the data.
    fn add(
        &mut self,
        files: Vec<PathBuf>,
        root: &Path,
        argument: &Path,
        filter: &Filter,
    ) -> Result<()> {
        let total = files.len();
        let accepted = |path: &PathBuf| filter.accepts(path.strip_prefix(root).unwrap_or(path));
        let accepted: Vec<PathBuf> = files.into_iter().filter(accepted).collect();
        if accepted.is_empty() && total > 0 {
            return Err(Error::InvalidArgument(format!(
                "{}: none of its {total} files is left by include and exclude; change them",
                argument.display()
            )));
        }
        let is_about = |path: &PathBuf| is_about(path, Format::of(path).0);
        let has_rows = |path: &PathBuf| Format::of(path).0 != Format::Text && !is_about(path);
        let (left_out, read): (Vec<_>, Vec<_>) = match accepted.iter().any(has_rows) {
            true => accepted.into_iter().partition(is_about),
            false => (Vec::new(), accepted),
        };
        self.left_out.extend(left_out);
        for path in read {
            self.files.push(File::new(path, root)?);
        }
        Ok(())
    }
}

/// The folder below which a glob matches, the files that match, and those below folders that do.
fn globbed(pattern: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    let (root, matches) = walk::expand(pattern)?;
    if matches.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "no file matches this pattern");
        return Err(Error::io(pattern)(source));
    }
    let mut files = Vec::new();
    for path in matches {
        if path.is_dir() {
            files.append(&mut folder(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok((root, files))
}

/// The files below the folder `path` that are neither hidden nor binary.
fn folder(path: &Path) -> Result<Vec<PathBuf>> {
    let enter = |entry: &Path| !is_hidden(entry);
    let mut files = Vec::new();
    for path in walk(path, usize::MAX, enter)? {
        if path.is_file() && !is_binary(&path) {
            files.push(path);
        } else {
            // A broken link is an error, not a silent gap in the corpus.
            fs::metadata(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(files)
}
