//! Globs, against a matcher that tries everything.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use elastic_core::corpus::{Corpus, ReadOptions};
use tempfile::TempDir;

/// Names of files in the folder in which globs are expanded.
const NAMES: [&str; 9] =
    ["a", "b", "ab", "a.b", "abc", "sub/a", "sub/ab", "sub/sub/abc", ".hidden/a"];

fn folder() -> &'static TempDir {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for name in NAMES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    })
}

/// An arbitrary glob is refused, or names files that exist; with `*` and `?` only, the right ones.
pub fn glob(data: &[u8]) {
    let Ok(pattern) = std::str::from_utf8(data) else { return };
    // The pattern must stay in its folder.
    if pattern.contains("..") || pattern.contains('\0') || pattern.len() > 1000 {
        return;
    }
    filters(pattern);
    let pattern = pattern.trim_start_matches('/');
    if !pattern.contains(['*', '?', '[', '{']) {
        return;
    }
    let found = match Corpus::discover(&[folder().path().join(pattern)], ReadOptions::default()) {
        Ok(corpus) => names(&corpus),
        Err(_) => BTreeSet::new(),
    };
    let is_simple = pattern.bytes().all(|byte| b"abc*?/".contains(&byte))
        && !pattern.contains("**")
        && !pattern.contains("//")
        && !pattern.ends_with('/');
    if is_simple {
        // A folder that matches contributes its files.
        let parents = |name: &str| {
            let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
            ends.map(|at| name[..at].to_string()).collect::<Vec<_>>()
        };
        let matching = |name: &&&str| parents(name).iter().any(|part| matches(pattern, part));
        let visible = NAMES.iter().filter(|name| !name.starts_with('.'));
        assert_eq!(found, visible.filter(matching).map(|name| name.to_string()).collect());
    }
}

/// The same pattern as a filter of the files of a folder.
fn filters(pattern: &str) {
    let [included, excluded] = [true, false].map(|includes| {
        let patterns = vec![pattern.to_string()];
        let (include, exclude) =
            if includes { (patterns, Vec::new()) } else { (Vec::new(), patterns) };
        let options = ReadOptions { include, exclude, ..ReadOptions::default() };
        Corpus::discover(&[folder().path().to_path_buf()], options)
    });
    let files = |corpus: elastic_core::Result<Corpus>| match corpus {
        Ok(corpus) => names(&corpus),
        Err(_) => BTreeSet::new(),
    };
    let (included, excluded) = (files(included), files(excluded));
    assert!(included.is_disjoint(&excluded));
}

fn names(corpus: &Corpus) -> BTreeSet<String> {
    let root = folder().path();
    let below = |path: &std::path::Path| PathBuf::from(path.strip_prefix(root).unwrap());
    corpus.files().map(|path| below(path).to_str().unwrap().to_string()).collect()
}

/// Whether a pattern of letters, `*` and `?` matches a name; neither matches a slash.
fn matches(pattern: &str, name: &str) -> bool {
    let (Some(first), rest) = (pattern.chars().next(), pattern.get(1..).unwrap_or_default()) else {
        return name.is_empty();
    };
    let after = name.get(1..).unwrap_or_default();
    match (first, name.chars().next()) {
        ('*', next) => {
            matches(rest, name) || (next.is_some_and(|next| next != '/') && matches(pattern, after))
        }
        (_, None) => false,
        ('?', Some(next)) => next != '/' && matches(rest, after),
        (first, Some(next)) => first == next && matches(rest, after),
    }
}
