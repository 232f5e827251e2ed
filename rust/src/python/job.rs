//! Long calls from Python: release the interpreter, report progress, react to Ctrl-C.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use rayon::ThreadPool;

use super::arguments::Progress;
use crate::tokens::GiveUp;
use crate::{Error, Job, Result, available_memory, check_memory, thread_pool};

/// How often signals are checked and progress is reported.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs `work` on another thread while this one checks for signals and reports progress.
///
/// `progress(step)` is called at every interval with an `elastic_core.common.progress.Step`; an
/// exception that it raises stops the work and is raised again here.
pub(super) fn run<T: Send>(
    py: Python<'_>,
    progress: Option<Progress>,
    work: impl FnOnce(&Job) -> Result<T> + Send,
) -> PyResult<T> {
    run_shared(py, progress, |job| work(job))
}

/// Like [`run`], for work that hands the job to Python objects.
pub(super) fn run_shared<T: Send>(
    py: Python<'_>,
    progress: Option<Progress>,
    work: impl FnOnce(&Arc<Job>) -> Result<T> + Send,
) -> PyResult<T> {
    let job = Arc::new(Job::default());
    py.detach(|| {
        thread::scope(|scope| {
            let (done, finished) = mpsc::channel::<()>();
            let work = || {
                let result = work(&job);
                drop(done);
                result
            };
            let worker = thread::Builder::new().spawn_scoped(scope, work).map_err(Error::thread)?;
            let mut raised = None;
            // Lets a search of a regular expression end, which does not look whether to stop.
            let mut give_up = None;
            while let Err(RecvTimeoutError::Timeout) = finished.recv_timeout(POLL_INTERVAL) {
                let result = Python::attach(|py| {
                    py.check_signals()?;
                    if let (Some(progress), None) = (&progress, &raised) {
                        progress.call1(py, (step(py, &job)?,))?;
                    }
                    Ok(())
                });
                if let Err(error) = result {
                    job.stop();
                    raised.get_or_insert(error);
                    give_up.get_or_insert_with(GiveUp::new);
                }
            }
            let result = match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            match raised {
                Some(error) => Err(error),
                None => Ok(result?),
            }
        })
    })
}

/// The job's state as a `Step` without a subject or a note.
fn step<'py>(py: Python<'py>, job: &Job) -> PyResult<Bound<'py, PyAny>> {
    static STEP: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let (phase, done, total) = job.progress();
    STEP.import(py, "elastic_core.common.progress", "Step")?.call1((
        phase.name(),
        "",
        done,
        total,
        phase.unit(),
    ))
}

/// `threads`, or the number of processors.
pub(super) fn threads(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// A pool of `count` threads, by default one per processor.
pub(super) fn pool(count: Option<usize>) -> Result<ThreadPool> {
    thread_pool(threads(count))
}

/// `memory` bytes, if the process can use them, or half of what is available.
pub(super) fn memory(memory: Option<u64>) -> Result<u64> {
    match memory {
        Some(bytes) => check_memory(bytes, "a memory budget").map(|()| bytes),
        None => Ok(available_memory() / 2),
    }
}

/// Progress of coding one text, counted in symbols and reported in bytes.
pub(super) struct TextProgress {
    job: Arc<Job>,
    /// Bytes of the text.
    bytes: u64,
    /// Symbols of the text; 0 if unknown.
    pub(super) symbols: u64,
    done: u64,
}

impl TextProgress {
    pub(super) fn new(bytes: u64, symbols: u64, job: &Arc<Job>) -> TextProgress {
        TextProgress { job: Arc::clone(job), bytes, symbols, done: 0 }
    }

    /// Counts symbols as done; fails if the job was asked to stop.
    pub(super) fn add(&mut self, symbols: usize) -> Result<()> {
        let share = |done: u64| (done * self.bytes).checked_div(self.symbols).unwrap_or(0);
        let after = self.done + symbols as u64;
        self.job.add(share(after) - share(self.done));
        self.done = after;
        self.job.check()
    }
}
