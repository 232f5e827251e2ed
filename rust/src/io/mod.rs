//! Files and streams that several modules share: outputs, half-written files, standard input and
//! pipes, Parquet.

mod atomic_file;
mod guard;
mod output;
mod page_header;
mod pages;
mod partial;
mod score_file;
mod stdin;
mod stream;

pub(crate) use guard::{catch, cause, guard};
pub(crate) use output::Output;
pub(crate) use pages::{PageBudget, Pages};
#[cfg(feature = "python")]
pub(crate) use partial::{partial_prefix, remove_leftovers};
pub use score_file::{ScoreWriter, Scores};
pub(crate) use stdin::Stdin;
pub(crate) use stream::Stream;
