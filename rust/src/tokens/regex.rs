//! Limits on the regular expressions of tokenizers.
//!
//! The onig library, which the tokenizers library uses, tries the ways to match one after another,
//! and their number can grow exponentially with the text. It keeps its limits for the whole process
//! and reads them whenever a search begins.

use std::ffi::c_ulong;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Job;

/// Steps back in one search, which may try a match at every position of the text; some seconds.
/// For one match, onig's own limit of 10 million applies, as in the tokenizers package.
const STEPS: c_ulong = 100_000_000;
/// Places to go back to, of 40 bytes each; some patterns need one per character.
const PLACES: u32 = 1 << 24;
/// How often to look whether onig has its usual limits again.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Locked while the number of steps changes.
static CHANGE: Mutex<()> = Mutex::new(());
/// Number of [`GiveUp`]s that exist.
static ACTIVE: AtomicU64 = AtomicU64::new(0);
/// Number of [`GiveUp`]s so far.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// Sets the limits.
pub(super) fn set_limits() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        set_steps(STEPS);
        // SAFETY: sets a global number.
        unsafe { onig_sys::onig_set_match_stack_limit_size(PLACES) };
    });
}

fn set_steps(steps: c_ulong) {
    // SAFETY: sets a global number, whose old or new value a search on another thread may read.
    unsafe { onig_sys::onig_set_retry_limit_in_search(steps) };
}

/// What to say of a panic about a limit; None for another panic.
pub(super) fn limit(panic: &str) -> Option<String> {
    let (_, limit) = panic.split_once("Onig: Regex search error: ")?;
    Some(format!("its regular expression gives up on the text: {limit}"))
}

/// Makes all searches of regular expressions give up while it exists, so that a job that was
/// stopped can end; those of other jobs are repeated afterwards.
#[derive(Debug)]
pub struct GiveUp(());

impl GiveUp {
    /// Begins to make them give up.
    #[expect(clippy::new_without_default, reason = "it is made for its effect")]
    pub fn new() -> GiveUp {
        set_limits();
        let _change = CHANGE.lock().unwrap_or_else(PoisonError::into_inner);
        BEGUN.fetch_add(1, Ordering::SeqCst);
        ACTIVE.fetch_add(1, Ordering::SeqCst);
        set_steps(1);
        GiveUp(())
    }
}

impl Drop for GiveUp {
    fn drop(&mut self) {
        let _change = CHANGE.lock().unwrap_or_else(PoisonError::into_inner);
        if ACTIVE.fetch_sub(1, Ordering::SeqCst) == 1 {
            set_steps(STEPS);
        }
    }
}

/// Runs `work`, again if it fails while another job's searches have to give up.
pub(super) fn undisturbed<T, E>(work: impl Fn() -> Result<T, E>, job: &Job) -> Result<T, E> {
    loop {
        let begun = BEGUN.load(Ordering::SeqCst);
        let was_active = ACTIVE.load(Ordering::SeqCst) > 0;
        let result = work();
        let disturbed = was_active || BEGUN.load(Ordering::SeqCst) != begun;
        if result.is_ok() || !disturbed || job.check().is_err() {
            return result;
        }
        while ACTIVE.load(Ordering::SeqCst) > 0 && job.check().is_ok() {
            thread::sleep(POLL_INTERVAL);
        }
    }
}
