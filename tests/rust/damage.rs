//! Damaged tree and tree-model files: whatever is read from them is what was written.

use std::fs;
use std::path::Path;

use elastic_core::model::TreeModel;
use elastic_core::tokens::Alphabet;
use elastic_core::tree::{BuildOptions, Segment, Shape, TokenTree, Volume, from_symbols};
use elastic_core::{Error, Job, Result};

const MEMORY: u64 = 16 << 20;
const TEXT: &[u8] = b"to be or not to be, that is the question";

/// Everything in a tree.
#[derive(Debug, PartialEq)]
struct Tree {
    shape: Shape,
    volume: Volume,
    leaves: Vec<(Vec<u8>, u64)>,
}

fn contents(tree: &TokenTree) -> Tree {
    let mut leaves = Vec::new();
    tree.for_each_leaf(&Job::default(), |row, count| {
        leaves.push((row.to_vec(), count));
        Ok(())
    })
    .unwrap();
    Tree { shape: tree.shape().clone(), volume: tree.volume(), leaves }
}

fn read_tree(path: &Path) -> Result<Tree> {
    Ok(contents(&TokenTree::open(path, MEMORY, &Job::default())?))
}

/// Opens a tree, writes it again and reads what was written.
fn read_tree_twice(path: &Path) -> Result<Tree> {
    let job = Job::default();
    let tree = TokenTree::open(path, MEMORY, &job)?;
    let again = path.with_extension("again");
    tree.save(&again, &job).unwrap();
    assert_eq!(contents(&TokenTree::open(&again, MEMORY, &job).unwrap()), contents(&tree));
    Ok(contents(&tree))
}

fn read_model(path: &Path) -> Result<String> {
    let (model, alphabet) = TreeModel::load(path, &Job::default())?;
    model.identity(&alphabet, &Job::default())
}

fn is_damage(error: &Error) -> bool {
    matches!(error, Error::TreeFile { .. } | Error::ModelFile { .. })
}

/// Small trees of each segmentation and symbol width, as files.
fn trees(folder: &Path) -> Vec<Vec<u8>> {
    [(256, Segment::Chunk), (300, Segment::Window), (70_000, Segment::Prefix)]
        .into_iter()
        .map(|(vocabulary, segment)| {
            let ids: Vec<u32> = TEXT.iter().map(|&id| (id % 5).into()).collect();
            let options = BuildOptions { depth: 2, segment, memory: MEMORY, threads: 1 };
            let offsets = [0, 7, 9, ids.len() as u64];
            let tree = from_symbols(&ids, &offsets, vocabulary, options, &Job::default()).unwrap();
            let path = folder.join("good");
            tree.save(&path, &Job::default()).unwrap();
            fs::read(path).unwrap()
        })
        .collect()
}

fn model(folder: &Path) -> Vec<u8> {
    let mut model = TreeModel::new(2, 256, MEMORY).unwrap();
    let document: Vec<u32> = TEXT.iter().map(|&id| id.into()).collect();
    model.update(&[&document[..]], 1.0, &Job::default()).unwrap();
    let path = folder.join("good");
    model.save(&path, &Alphabet::Byte, &Job::default()).unwrap();
    fs::read(path).unwrap()
}

/// Reads changed versions of a file, each of which must be refused or mean the same.
struct Trial<'a, T> {
    path: &'a Path,
    good: &'a [u8],
    expected: T,
    read: fn(&Path) -> Result<T>,
    accepted: usize,
}

impl<'a, T: PartialEq + std::fmt::Debug> Trial<'a, T> {
    fn new(path: &'a Path, good: &'a [u8], read: fn(&Path) -> Result<T>) -> Trial<'a, T> {
        fs::write(path, good).unwrap();
        Trial { path, good, expected: read(path).unwrap(), read, accepted: 0 }
    }

    fn check(&mut self, changed: &[u8], change: &str) {
        fs::write(self.path, changed).unwrap();
        match (self.read)(self.path) {
            Ok(found) => assert_eq!(found, self.expected, "{change}"),
            Err(error) if is_damage(&error) => return,
            Err(error) => panic!("{change}: {error}"),
        }
        self.accepted += 1;
    }

    /// Every single flipped bit and every truncation.
    fn check_every_bit(&mut self) {
        for at in 0..self.good.len() {
            self.check(&self.good[..at], &format!("cut at byte {at}"));
            for bit in 0..8 {
                let mut changed = self.good.to_vec();
                changed[at] ^= 1 << bit;
                self.check(&changed, &format!("bit {bit} of byte {at}"));
            }
        }
    }

    /// Random changes of up to 16 bytes and moved parts, the same on every run.
    fn check_random(&mut self, other: &[u8], trials: u64) {
        let mut random = Random(1);
        for trial in 0..trials {
            let mut changed = self.good.to_vec();
            for _ in 0..1 + random.below(3) {
                random.change(&mut changed, other);
            }
            if changed != self.good {
                self.check(&changed, &format!("trial {trial}"));
            }
        }
    }
}

/// A linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    /// Overwrites, removes, repeats or exchanges a part of `bytes`; parts of `other` may get in.
    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(16)).min(bytes.len());
        let kind = self.below(6);
        match kind {
            0 => bytes[at..end].iter_mut().for_each(|byte| *byte = self.below(256) as u8),
            1 => bytes[at..end].fill([0, 0xff][self.below(2)]),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
            4 => {
                let from = self.below(other.len());
                let part = &other[from..(from + end - at).min(other.len())];
                bytes.splice(at..end, part.iter().copied()).for_each(drop);
            }
            _ => {
                let to = self.below(bytes.len() - (end - at) + 1);
                bytes.copy_within(at..end, to);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

#[test]
fn every_flipped_bit_and_truncation_of_a_tree_is_refused_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tree");
    for good in &trees(folder.path())[..2] {
        let mut trial = Trial::new(&path, good, read_tree);
        trial.check_every_bit();
        // Parquet files contain much that no reader needs, such as the name of the writer.
        assert!(trial.accepted < 4 * good.len(), "{} of {}", trial.accepted, 8 * good.len());
    }
}

#[test]
fn random_changes_of_a_tree_are_refused_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tree");
    let files = trees(folder.path());
    for (good, other) in files.iter().zip(files.iter().cycle().skip(1)) {
        Trial::new(&path, good, read_tree_twice).check_random(other, 2000);
    }
}

#[test]
fn every_flipped_bit_and_truncation_of_a_tree_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = model(folder.path());
    let path = folder.path().join("model");
    let mut trial = Trial::new(&path, &good, read_model);
    trial.check_every_bit();
    let other = &trees(folder.path())[0];
    trial.check_random(other, 2000);
    assert_eq!(trial.accepted, 0);
}
