//! Files and streams that several modules share: outputs, standard input and pipes, Parquet.

mod atomic_file;
mod guard;
mod output;
mod page_header;
mod pages;
mod score_file;
mod stdin;
mod stream;

pub(crate) use guard::{catch, cause, guard};
pub(crate) use output::Output;
pub(crate) use pages::{PageBudget, Pages};
pub use score_file::{ScoreWriter, Scores};
pub(crate) use stdin::Stdin;
pub(crate) use stream::Stream;
