//! Calls into the parquet crate, which panics on some damaged files, and the causes of its errors.

use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use parquet::errors::{ParquetError, Result};

thread_local! {
    /// Whether this thread runs guarded work, whose panics become errors.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

static INSTALL_HOOK: Once = Once::new();

/// Runs `work`; a panic in it becomes an error and prints nothing.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    INSTALL_HOOK.call_once(|| {
        let default_hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                default_hook(panic);
            }
        }));
    });
    GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    result.unwrap_or_else(|_| Err(ParquetError::General("its contents are inconsistent".into())))
}

/// The system error behind an error of the crate, or else the crate's message.
pub(crate) fn cause(error: ParquetError) -> std::result::Result<io::Error, String> {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => Ok(*source),
            Err(source) => Err(source.to_string()),
        },
        error => Err(error.to_string()),
    }
}
