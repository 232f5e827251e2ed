//! One temporary folder per thread, for inputs that are read from files.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

/// The path of a file with this name and content.
pub fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = path(name);
    fs::write(&path, content).unwrap();
    path
}

/// The path of a file with this name.
pub fn path(name: &str) -> PathBuf {
    FOLDER.with(|folder| folder.path().join(name))
}
