//! Files and streams that several modules share: outputs, standard input and pipes, Parquet.

mod atomic_file;
mod output;
mod parquet_guard;
mod score_file;
mod stdin;
mod stream;

pub(crate) use output::Output;
pub(crate) use parquet_guard::{cause, guard};
pub use score_file::{ScoreWriter, Scores};
pub(crate) use stdin::Stdin;
pub(crate) use stream::Stream;
