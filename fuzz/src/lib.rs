//! What each fuzz target does with its input: nothing may panic, and what is accepted is right.
//!
//! `fuzz_targets/` runs these functions with cargo-fuzz; `tests/rust/replay.rs` runs them on the
//! inputs stored in `corpus/` and on changes of them.

mod coding;
mod corpus;
mod files;
mod folder;
mod glob;
mod tokenizer;

/// A fuzz target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
pub const TARGETS: [Target; 7] = [
    ("codecs", coding::codecs),
    ("container", coding::container),
    ("corpus", corpus::corpus),
    ("glob", glob::glob),
    ("tokenizer", tokenizer::tokenizer),
    ("tree_file", files::tree_file),
    ("tree_model", files::tree_model),
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    target.expect("a target of this name").1(data);
}

/// `good` with the bytes from `at` (modulo its length) overwritten by `data`.
fn overwrite(good: &[u8], at: usize, data: &[u8]) -> Vec<u8> {
    let mut file = good.to_vec();
    let at = at % file.len().max(1);
    file.splice(at..(at + data.len()).min(file.len()), data.iter().copied());
    file
}
