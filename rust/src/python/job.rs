//! Long calls from Python: the interpreter is released, progress goes out, Ctrl-C comes in.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use rayon::ThreadPool;

use crate::tree::thread_pool;
use crate::{Job, Result};

/// How often signals are looked at and progress is told.
pub(super) const BEAT: Duration = Duration::from_millis(100);

/// Runs `work` on a thread of its own while this one listens for signals.
///
/// `progress(step)` is called on every beat with an `elastic_core.common.progress.Step`; an
/// exception that it raises stops the work.
pub(super) fn run<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Job) -> Result<T> + Send,
) -> PyResult<T> {
    run_shared(py, progress, |job| work(job))
}

/// The same for work that lets objects of Python have a hold of the job.
pub(super) fn run_shared<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Arc<Job>) -> Result<T> + Send,
) -> PyResult<T> {
    let job = Arc::new(Job::default());
    py.detach(|| {
        std::thread::scope(|scope| {
            let (done, finished) = mpsc::channel::<()>();
            let worker = scope.spawn(|| {
                let result = work(&job);
                drop(done);
                result
            });
            let mut raised = None;
            while let Err(RecvTimeoutError::Timeout) = finished.recv_timeout(BEAT) {
                let beat = Python::attach(|py| {
                    py.check_signals()?;
                    if let (Some(progress), None) = (&progress, &raised) {
                        progress.call1(py, (step(py, &job)?,))?;
                    }
                    Ok(())
                });
                if let Err(error) = beat {
                    job.stop();
                    raised.get_or_insert(error);
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

/// The job's state as a `Step`, with no subject and no note.
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

/// `threads`, or as many as there are processors.
pub(super) fn threads(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// A pool of `threads` threads, by default as many as there are processors.
pub(super) fn pool(count: Option<usize>) -> Result<ThreadPool> {
    thread_pool(threads(count))
}

/// `memory` bytes, or half of what is free.
pub(super) fn memory(memory: Option<u64>) -> u64 {
    memory.unwrap_or_else(|| crate::available_memory() / 2)
}
