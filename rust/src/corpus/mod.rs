//! Files in, documents out: finds files, opens and decompresses them, and reads their rows.
//!
//! [`Corpus::discover`] turns paths into a sorted list of files; [`Corpus::read`] reads them on
//! several threads, each of which passes its documents to a [`DocumentSink`] of its own.

mod arrow;
mod batches;
mod codec;
mod columns;
mod discover;
mod documents;
mod format;
mod jsonl;
mod key;
mod open;
mod options;
mod parquet;
mod read;
mod reader;
mod rows;
mod sample;
mod sniff;
mod table;
mod text;
mod unescape;
mod values;
mod walk;

pub use batches::{Batches, DocumentBatch};
pub use discover::Corpus;
pub use documents::{DocumentSink, Place, ReadCounts};
pub use options::{Columns, OnBadRow, ReadOptions, Split};
