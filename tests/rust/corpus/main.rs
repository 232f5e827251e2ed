//! The corpus reader through its public interface, on small files made here.

mod batches;
mod discover;
mod read;
mod rows;
mod support;
mod text;
