//! Where results are written: a file that appears when it is complete, a FIFO, a device or `-`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::atomic_file::AtomicFile;
use crate::{Error, Job, Result};

/// How often to check whether the job was stopped while a FIFO has no reader.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Maximum number of symbolic links from a path to its file, as in Linux.
const MAX_LINKS: usize = 40;

/// The target of a result.
///
/// A regular file is replaced by a complete one. Symbolic links are followed. Everything else, such
/// as a FIFO, a device or an open file under `/dev/fd`, is written to as it is.
pub(crate) struct Output {
    path: PathBuf,
    target: Target,
}

enum Target {
    File(AtomicFile),
    Stream(File),
    Stdout,
}

impl Output {
    /// Opens the target at `path`; `-` is standard output.
    ///
    /// Waits for the reader of a FIFO.
    pub(crate) fn create(path: &Path, job: &Job) -> Result<Output> {
        if path == Path::new("-") {
            return Ok(Output { path: "standard output".into(), target: Target::Stdout });
        }
        if path.is_dir() {
            return Err(Error::InvalidArgument(format!(
                "{} is a folder: name a file to write",
                path.display()
            )));
        }
        let target = match regular_file(path).map_err(Error::io(path))? {
            Some(file) => Target::File(AtomicFile::create(&file).map_err(Error::io(path))?),
            None => Target::Stream(open_stream(path, job)?),
        };
        Ok(Output { path: path.to_path_buf(), target })
    }

    /// The target's name in error messages.
    pub(crate) fn name(&self) -> &Path {
        &self.path
    }

    /// An unbuffered writer to the target.
    pub(crate) fn writer(&self) -> Result<Box<dyn Write + Send>> {
        let file = match &self.target {
            Target::File(atomic) => atomic.file(),
            Target::Stream(file) => file,
            Target::Stdout => return Ok(Box::new(io::stdout())),
        };
        Ok(Box::new(file.try_clone().map_err(Error::io(&self.path))?))
    }

    /// Moves a file, which must be complete, to its final path.
    pub(crate) fn publish(self) -> Result<()> {
        match self.target {
            Target::File(atomic) => atomic.publish(),
            Target::Stream(_) => Ok(()),
            Target::Stdout => io::stdout().flush(),
        }
        .map_err(Error::io(&self.path))
    }
}

/// The regular file at the end of the links from `path`, whether or not it exists yet; None if
/// there is something else.
fn regular_file(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut target = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.canonicalize()?,
            _ => PathBuf::from("."),
        };
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let file = folder.join(name);
        match fs::symlink_metadata(&file) {
            // An open file: whoever opened it expects the data there.
            Ok(metadata) if metadata.is_symlink() && folder.starts_with("/proc") => {
                return Ok(None);
            }
            Ok(metadata) if metadata.is_symlink() => target = folder.join(fs::read_link(&file)?),
            Ok(metadata) => return Ok(metadata.is_file().then_some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(file)),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// Opens a FIFO or a device for writing.
///
/// That blocks until a FIFO has a reader, so another thread does it; if the job is stopped before,
/// the thread ends with the process.
fn open_stream(path: &Path, job: &Job) -> Result<File> {
    let (sender, opened) = bounded(1);
    let owned = path.to_path_buf();
    let open = move || sender.send(File::options().append(true).open(owned));
    thread::Builder::new().spawn(open).map_err(Error::thread)?;
    loop {
        job.check()?;
        match opened.recv_timeout(POLL_INTERVAL) {
            Ok(file) => return file.map_err(Error::io(path)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::io(path)(io::ErrorKind::Other.into()));
            }
        }
    }
}
