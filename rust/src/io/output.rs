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
/// A regular file appears when it is complete, in place of an existing one only if that may be
/// overwritten. Symbolic links are followed. Everything else, such as a FIFO, a device or an open
/// file under `/dev/fd`, is written to as it is.
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
    /// Waits for the reader of a FIFO. Without `overwrite`, this and [`Output::publish`] refuse to
    /// replace a file.
    pub(crate) fn create(path: &Path, overwrite: bool, job: &Job) -> Result<Output> {
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
            Some(file) => {
                Target::File(AtomicFile::create(&file, overwrite).map_err(refused(path))?)
            }
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
        .map_err(refused(&self.path))
    }
}

/// An error on `path`, for `map_err`; it says what to do if a file is there.
fn refused(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::InvalidArgument(format!(
            "{} exists: name another file, or overwrite it with `overwrite=True`",
            path.display()
        )),
        _ => Error::io(path)(error),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path, text: &str, overwrite: bool) -> Result<Output> {
        let output = Output::create(path, overwrite, &Job::default())?;
        output.writer()?.write_all(text.as_bytes()).unwrap();
        Ok(output)
    }

    fn assert_refused<T>(result: Result<T>, path: &Path) {
        let error = result.err().expect("a file was replaced");
        assert!(matches!(error, Error::InvalidArgument(_)));
        let sentence = "exists: name another file, or overwrite it with `overwrite=True`";
        assert_eq!(error.to_string(), format!("{} {sentence}", path.display()));
    }

    fn assert_only(folder: &Path, expected: &[(&str, &str)]) {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (name, text) in expected {
            assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), *text);
        }
    }

    #[test]
    fn only_permission_replaces_a_file_that_was_there_or_appears() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let late = written(&path, "late", false).unwrap();
        let permitted = written(&path, "permitted", true).unwrap();
        fs::write(&path, "first").unwrap();
        assert_refused(written(&path, "later", false), &path);
        assert_refused(late.publish(), &path);
        permitted.publish().unwrap();
        assert_only(folder.path(), &[("a", "permitted")]);
    }

    #[cfg(unix)]
    #[test]
    fn the_end_of_a_link_is_not_replaced_either() {
        let folder = tempfile::tempdir().unwrap();
        let symlink = std::os::unix::fs::symlink::<&Path, &Path>;
        let (path, end) = (folder.path().join("link"), folder.path().join("a"));
        symlink(Path::new("a"), &path).unwrap();
        let [first, second] = ["first", "second"].map(|text| written(&path, text, false).unwrap());
        first.publish().unwrap();
        assert_refused(second.publish(), &path);
        assert!(path.is_symlink() && !end.is_symlink());
        assert_only(folder.path(), &[("a", "first"), ("link", "first")]);
        // Nor is a link that appears, even one that leads nowhere.
        fs::remove_file(&end).unwrap();
        let third = written(&end, "third", false).unwrap();
        symlink(Path::new("nowhere"), &end).unwrap();
        assert_refused(third.publish(), &end);
        assert!(end.is_symlink());
    }

    #[test]
    fn one_of_several_writers_of_a_new_file_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let path = folder.path().join(format!("{round:02}"));
            let outputs = [0; 8].map(|_| written(&path, "whole", false).unwrap());
            let done = thread::scope(|scope| {
                outputs
                    .map(|output| scope.spawn(|| output.publish()))
                    .map(|one| one.join().unwrap())
            });
            assert_eq!(done.iter().filter(|result| result.is_ok()).count(), 1);
            done.into_iter()
                .filter(Result::is_err)
                .for_each(|result| assert_refused(result, &path));
            assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 20);
    }
}
