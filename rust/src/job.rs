//! A long call's two-way line to whoever waits for it: progress out, a request to stop in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::{Error, Result};

/// Progress and cancellation of one long call; shared between its threads and its caller.
///
/// The worker side counts with [`Job::add`] and calls [`Job::check`] often enough that a
/// Ctrl-C is honoured at once; the caller reads [`Job::progress`] and may [`Job::stop`].
#[derive(Debug, Default)]
pub struct Job {
    stop: AtomicBool,
    phase: AtomicU64,
    done: AtomicU64,
    total: AtomicU64,
}

/// What a job is doing; progress is counted anew in each phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Phase {
    /// Reading files; progress in bytes on disk.
    Read,
    /// Sorting symbols into leaves; progress in segments.
    Sort,
    /// Merging sorted runs; progress in leaves.
    Merge,
    /// Setting trees side by side; progress in leaves.
    Join,
    /// Opening a tree file; progress in leaves.
    Open,
    /// One pass over a tree; progress in leaves.
    Measure,
    /// Rates of joint trees; progress in classes of leaves, or in choices of volumes.
    Rate,
    /// Writing the codebook, to know its size; progress in leaves.
    Codebook,
    /// Writing a file; progress in leaves.
    Write,
    /// Coding text, or running a reference compressor; progress in bytes of text.
    Compress,
    /// Decoding text; progress in bytes of it.
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

    /// The phase's name, as progress lines show it.
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

    /// What its progress counts.
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
    /// Starts a phase of `total` units (0: not known).
    pub fn start(&self, phase: Phase, total: u64) {
        self.phase.store(phase as u64, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Counts `units` more as done.
    pub fn add(&self, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
    }

    /// The phase, the units done and the units in all (0: not known).
    pub fn progress(&self) -> (Phase, u64, u64) {
        let phase = Phase::ALL[self.phase.load(Ordering::Relaxed) as usize];
        (phase, self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Asks the job to end with [`Error::Interrupted`].
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// [`Error::Interrupted`] if the job was asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}
