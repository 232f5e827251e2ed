//! Folders and globs in, paths out: `*`, `?`, `[..]`, `**` and braces.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::format::is_hidden;
use super::options::ReadOptions;
use crate::{Error, Result};

/// Whether a path contains a character that is special in a glob.
pub(super) fn is_glob(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[{".contains(byte))
}

/// The folder below which a glob matches, and its matches.
pub(super) fn expand(pattern: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    let is_fixed = |part: &Component<'_>| !is_glob(part.as_ref());
    let root: PathBuf = pattern.components().take_while(is_fixed).collect();
    let rest: PathBuf = pattern.components().skip_while(is_fixed).collect();
    let bad = |reason: &str| {
        Error::InvalidArgument(format!("{}: not a usable pattern ({reason})", pattern.display()))
    };
    let rest = rest.to_str().ok_or_else(|| bad("it is not UTF-8"))?;
    let matcher = matcher(rest).map_err(|reason| bad(&reason))?;

    if !(root.as_os_str().is_empty() || root.is_dir()) {
        return Ok((root, Vec::new()));
    }
    // As in a shell, only a pattern with a dot matches hidden entries.
    let hidden = rest.split('/').any(|part| part.starts_with('.'));
    let depth = if rest.contains("**") { usize::MAX } else { rest.split('/').count() };
    let mut paths = walk(&root, depth, |entry| hidden || !is_hidden(entry))?;
    paths.retain(|path| path.strip_prefix(&root).is_ok_and(|below| matcher.is_match(below)));
    Ok((root, paths))
}

fn matcher(pattern: &str) -> std::result::Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

/// The files of a folder that `include` and `exclude` leave.
pub(super) struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

/// A glob of paths relative to a folder, or of names if it has no slash.
struct Pattern {
    matcher: GlobMatcher,
    of_name: bool,
}

impl Filter {
    pub(super) fn new(options: &ReadOptions) -> Result<Filter> {
        let compiled = |patterns: &[String]| {
            let compile = |pattern: &String| {
                let matcher = matcher(pattern).map_err(|reason| {
                    Error::InvalidArgument(format!("{pattern}: not a usable pattern ({reason})"))
                })?;
                Ok(Pattern { matcher, of_name: !pattern.contains('/') })
            };
            patterns.iter().map(compile).collect::<Result<Vec<_>>>()
        };
        Ok(Filter { include: compiled(&options.include)?, exclude: compiled(&options.exclude)? })
    }

    /// Whether the file of this path relative to the folder is read.
    pub(super) fn accepts(&self, below: &Path) -> bool {
        let matches = |pattern: &Pattern| {
            let name = below.file_name().map(Path::new).filter(|_| pattern.of_name);
            pattern.matcher.is_match(name.unwrap_or(below))
        };
        (self.include.is_empty() || self.include.iter().any(matches))
            && !self.exclude.iter().any(matches)
    }
}

/// Everything below the folder `path`, at most `depth` levels down, that `enter` accepts.
///
/// Links to folders are followed, but no folder is entered twice, so links cannot form a loop.
pub(super) fn walk(
    path: &Path,
    depth: usize,
    enter: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let mut seen = HashSet::new();
    let mut folders = vec![(path.to_path_buf(), 1)];
    while let Some((folder, level)) = folders.pop() {
        // A relative pattern without a folder starts from the current one.
        let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        let canonical = listed.canonicalize().map_err(Error::io(listed))?;
        if !seen.insert(canonical) {
            continue;
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(listed).map_err(Error::io(listed))? {
            entries.push(folder.join(entry.map_err(Error::io(listed))?.file_name()));
        }
        entries.retain(|entry| enter(entry));
        entries.sort();
        for entry in &entries {
            if level < depth && entry.is_dir() {
                folders.push((entry.clone(), level + 1));
            }
        }
        paths.append(&mut entries);
    }
    Ok(paths)
}
