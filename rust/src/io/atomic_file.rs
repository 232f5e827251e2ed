//! Files that appear only when they are complete: written under a temporary name, then renamed.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// A file being written; if dropped before [`AtomicFile::publish`], it leaves nothing behind.
pub(crate) struct AtomicFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl AtomicFile {
    /// Opens a temporary file in the folder of `path`.
    pub(crate) fn create(path: &Path) -> Result<AtomicFile> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if path.is_dir() {
            return Err(Error::InvalidArgument(format!(
                "{} is a folder: name a file to write",
                path.display()
            )));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".elastic-core-");
        // Temporary files are private by default; this one becomes the result and follows the
        // umask.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(Error::io(path))?;
        Ok(AtomicFile { path: path.to_path_buf(), file })
    }

    /// The file to write to.
    pub(crate) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Moves the file to its final path.
    pub(crate) fn publish(self) -> Result<()> {
        self.file.persist(&self.path).map_err(|error| Error::io(&self.path)(error.error))?;
        Ok(())
    }
}
