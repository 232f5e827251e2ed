//! Calls into libraries that panic on some damaged files, and the causes of errors of parquet.

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

/// Runs `work` in a library that panics on some inputs; an `Err` has the panic's message, which is
/// not printed.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    INSTALL_HOOK.call_once(|| {
        let default_hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                default_hook(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.map_err(|payload| match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().map(|text| text.to_string()).unwrap_or_default(),
    })
}

/// Runs `work` in the parquet crate; a panic in it becomes an error.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let inconsistent = ParquetError::General("its contents are inconsistent".into());
    catch(work).unwrap_or(Err(inconsistent))
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
