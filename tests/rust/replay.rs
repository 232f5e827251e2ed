//! The fuzz targets of `fuzz/` on their stored inputs, and on some thousand changes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Names the input if a target panics.
struct Input<'a> {
    target: &'a str,
    data: &'a [u8],
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} failed on the bytes {:?}", self.target, self.data);
        }
    }
}

fn run(target: &str, data: &[u8]) {
    let input = Input { target, data };
    targets::run(target, input.data);
}

fn stored(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    /// Changes a byte or a bit, or removes, repeats or inserts a part of `data`; parts of `other`
    /// may get in.
    fn change(&mut self, data: &mut Vec<u8>, other: &[u8]) {
        if data.is_empty() {
            data.push(self.below(256) as u8);
        }
        let at = self.below(data.len());
        let end = (at + 1 + self.below(16)).min(data.len());
        match self.below(6) {
            0 => data[at] = self.below(256) as u8,
            1 => data[at] ^= 1 << self.below(8),
            2 => drop(data.drain(at..end)),
            3 => drop(data.splice(at..at, data[at..end].to_vec()).collect::<Vec<_>>()),
            4 => data.insert(at, [0, 1, 0x7f, 0x80, 0xff][self.below(5)]),
            _ => {
                let from = self.below(other.len());
                let part = &other[from..(from + end - at).min(other.len())];
                drop(data.splice(at..end, part.iter().copied()).collect::<Vec<_>>());
            }
        }
    }
}

/// Runs a target on its stored inputs, and on changes of them, the same on every run.
fn replay(target: &str, changes: usize) {
    let inputs = stored(target);
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|data| run(target, data));
    let mut random = Random(1);
    for _ in 0..changes {
        let mut data = inputs[random.below(inputs.len())].clone();
        for _ in 0..1 + random.below(4) {
            let other = &inputs[random.below(inputs.len())];
            random.change(&mut data, other);
        }
        run(target, &data);
    }
}

#[test]
fn stored_inputs_belong_to_targets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut folders: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, targets::TARGETS.map(|(name, _)| name));
}

#[test]
fn codecs() {
    replay("codecs", 3000);
}

#[test]
fn container() {
    replay("container", 1000);
}

#[test]
fn corpus() {
    replay("corpus", 1500);
}

#[test]
fn glob() {
    replay("glob", 1500);
}

#[test]
fn tokenizer() {
    replay("tokenizer", 1500);
}

#[test]
fn tree_file() {
    replay("tree_file", 500);
}

#[test]
fn tree_model() {
    replay("tree_model", 40);
}
