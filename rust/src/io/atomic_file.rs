//! Files that appear only when they are complete: written under a temporary name, then renamed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::partial::{partial_prefix, remove_leftovers};

/// Random characters at the end of a temporary name.
const RANDOM: usize = 8;

/// A file being written; if dropped before [`AtomicFile::publish`], it leaves nothing behind.
pub(super) struct AtomicFile {
    path: PathBuf,
    overwrite: bool,
    file: NamedTempFile,
}

impl AtomicFile {
    /// Opens a temporary file in the folder of `path`, and removes those of processes that were
    /// killed.
    ///
    /// Without `overwrite`, this and [`AtomicFile::publish`] fail with
    /// [`io::ErrorKind::AlreadyExists`] if there is something at `path`.
    pub(super) fn create(path: &Path, overwrite: bool) -> io::Result<AtomicFile> {
        let replaced = fs::metadata(path).ok();
        if replaced.is_some() && !overwrite {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        remove_leftovers(folder);
        let prefix = partial_prefix();
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).rand_bytes(RANDOM);
        // This one becomes the result and follows the umask; those of `tempfile` are private.
        let file = builder.make_in(folder, |path| {
            File::options().read(true).write(true).create_new(true).open(path)
        })?;
        // A file that is replaced keeps its mode.
        if let Some(replaced) = replaced {
            file.as_file().set_permissions(replaced.permissions())?;
        }
        Ok(AtomicFile { path: path.to_path_buf(), overwrite, file })
    }

    /// The file to write to.
    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Moves the file to its final path once its contents are on disk.
    pub(super) fn publish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        if self.overwrite {
            self.file.persist(&self.path)?;
        } else if let Err(error) = self.file.persist_noclobber(&self.path) {
            // Some file systems can neither rename without replacing nor link.
            if fs::symlink_metadata(&self.path).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            error.file.persist(&self.path)?;
        }
        Ok(())
    }
}
