//! Long calls: progress out, cancellation in, and the threads and memory that they may use.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::memory::available_memory;
use crate::{Error, Result};

/// Progress and cancellation of one long call, shared between its threads and its caller.
///
/// Workers count with [`Job::add`] and call [`Job::check`] often enough that Ctrl-C takes effect at
/// once; the caller reads [`Job::progress`] and may call [`Job::stop`].
#[derive(Debug, Default)]
pub struct Job {
    stop: AtomicBool,
    phase: AtomicU64,
    done: AtomicU64,
    total: AtomicU64,
    /// Bytes of memory that the job may use; 0: half of what is free.
    memory: AtomicU64,
}

/// The phase of a job; progress starts at 0 in every phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Phase {
    /// Reading files; progress in bytes on disk.
    Read,
    /// Sorting symbols into leaves; progress in segments.
    Sort,
    /// Merging sorted runs; progress in leaves.
    Merge,
    /// Joining trees; progress in leaves.
    Join,
    /// Opening a tree file; progress in leaves.
    Open,
    /// One pass over a tree; progress in leaves.
    Measure,
    /// Computing rates of joint trees; progress in classes of leaves, or in choices of volumes.
    Rate,
    /// Serializing the codebook to find its size; progress in leaves.
    Codebook,
    /// Writing a file; progress in leaves.
    Write,
    /// Coding text, or running a reference compressor; progress in bytes of text.
    Compress,
    /// Decoding text; progress in bytes of text.
    Decompress,
    /// Teaching a model; progress in symbols.
    Learn,
    /// Scoring with a model; progress in symbols.
    Score,
}

impl Phase {
    const ALL: [Phase; 13] = [
        Phase::Read,
        Phase::Sort,
        Phase::Merge,
        Phase::Join,
        Phase::Open,
        Phase::Measure,
        Phase::Rate,
        Phase::Codebook,
        Phase::Write,
        Phase::Compress,
        Phase::Decompress,
        Phase::Learn,
        Phase::Score,
    ];

    /// The name of the phase, as shown in progress lines.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Read => "read",
            Phase::Sort => "sort",
            Phase::Merge => "merge",
            Phase::Join => "join",
            Phase::Open => "open",
            Phase::Measure => "measure",
            Phase::Rate => "rate",
            Phase::Codebook => "codebook",
            Phase::Write => "write",
            Phase::Compress => "compress",
            Phase::Decompress => "decompress",
            Phase::Learn => "learn",
            Phase::Score => "score",
        }
    }

    /// The unit that progress is counted in.
    pub fn unit(self) -> &'static str {
        match self {
            Phase::Read | Phase::Compress | Phase::Decompress => "bytes",
            Phase::Sort => "segments",
            Phase::Rate => "classes",
            Phase::Learn | Phase::Score => "symbols",
            Phase::Merge
            | Phase::Join
            | Phase::Open
            | Phase::Measure
            | Phase::Codebook
            | Phase::Write => "leaves",
        }
    }
}

impl Job {
    /// Starts a phase of `total` units (0: unknown).
    pub fn start(&self, phase: Phase, total: u64) {
        self.phase.store(phase as u64, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Counts `units` as done.
    pub fn add(&self, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
    }

    /// The phase, the units done, and the total (0: unknown).
    pub fn progress(&self) -> (Phase, u64, u64) {
        let phase = Phase::ALL[self.phase.load(Ordering::Relaxed) as usize];
        (phase, self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Limits the memory that readers of the job may use, in bytes.
    pub fn limit_memory(&self, bytes: u64) {
        self.memory.store(bytes, Ordering::Relaxed);
    }

    /// Bytes of memory that the job may use: the limit, or half of what is free.
    pub fn memory(&self) -> u64 {
        match self.memory.load(Ordering::Relaxed) {
            0 => available_memory() / 2,
            bytes => bytes,
        }
    }

    /// Asks the job to stop with [`Error::Interrupted`].
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// [`Error::Interrupted`] if the job was asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// A pool of `threads` threads for the parallel parts of a job; at least one is required.
pub fn thread_pool(threads: usize) -> Result<ThreadPool> {
    // Rayon takes 0 to mean its default.
    if threads == 0 {
        return Err(Error::InvalidArgument("threads 0: must be at least 1".into()));
    }
    ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| {
        Error::InvalidArgument(format!("cannot start {threads} threads ({error}): use fewer"))
    })
}
