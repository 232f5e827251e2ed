//! The corpus reader through its public interface, on small files written by the tests.

mod batches;
mod columns;
mod discover;
mod folders;
mod formats;
mod pages;
mod read;
mod rows;
mod support;
mod text;
