//! Damaged tree and tree-model files: whatever is read from them is what was written.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use elastic_core::model::TreeModel;
use elastic_core::tokens::Alphabet;
use elastic_core::tree::{BuildOptions, Segment, Shape, TokenTree, Volume, from_symbols};
use elastic_core::{Error, Job, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
    tree.save(&again, true, &job).unwrap();
    assert_eq!(contents(&TokenTree::open(&again, MEMORY, &job).unwrap()), contents(&tree));
    Ok(contents(&tree))
}

fn read_model(path: &Path) -> Result<String> {
    let (model, alphabet) = TreeModel::load(path, &Job::default())?;
    model.identity(&alphabet, &Job::default())
}

/// Replaces the contents of a file in place: ext4 waits for the disk where a file is emptied first.
fn overwrite(path: &Path, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
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
            tree.save(&path, true, &Job::default()).unwrap();
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
        overwrite(self.path, changed);
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

/// The model's file with another header, and a checksum that fits.
fn with_header(good: &[u8], header: &str) -> Vec<u8> {
    let end = 16 + u32::from_le_bytes([good[12], good[13], good[14], good[15]]) as usize;
    let length = (header.len() as u32).to_le_bytes();
    let tables = &good[end..good.len() - 32];
    let body = [&good[..12], &length[..], header.as_bytes(), tables].concat();
    [&body[..], &Sha256::digest(&body)[..]].concat()
}

#[test]
fn hostile_headers_of_tree_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = model(folder.path());
    let end = 16 + u32::from_le_bytes([good[12], good[13], good[14], good[15]]) as usize;
    let header: Value = serde_json::from_slice(&good[16..end]).unwrap();
    let path = folder.path().join("model");
    let read = |text: &str| {
        fs::write(&path, with_header(&good, text)).unwrap();
        read_model(&path)
    };
    read(&header.to_string()).unwrap();
    let changes = [
        ("depth", json!("2")),
        ("depth", json!(0)),
        ("depth", json!(-2)),
        ("depth", json!(2.5)),
        ("depth", json!(33)),
        ("depth", json!(u64::MAX)),
        ("vocabulary", json!(300)),
        ("vocabulary", json!(1)),
        ("vocabulary", json!((1u64 << 32) + 256)),
        ("memory", json!(0)),
        ("memory", json!(u64::MAX)),
        ("memory", json!(1u64 << 50)),
        ("memory", json!(MEMORY * 2)),
        ("memory", json!([MEMORY])),
        ("tokenizer_bytes", json!(u64::MAX)),
        ("tokenizer_bytes", json!(1 << 20)),
        ("alphabet", json!(5)),
        ("alphabet", json!("bit")),
        ("alphabet", json!("bpe:0123456789abcdef")),
        ("learned", json!(u64::MAX)),
        ("learned", json!("1")),
        ("written", json!(u64::MAX)),
        ("draws", json!(null)),
    ];
    for (key, value) in changes {
        let mut changed = header.clone();
        changed[key] = value;
        let text = changed.to_string();
        let error = read(&text).unwrap_err();
        let is_refused = matches!(error, Error::ModelFile { .. } | Error::Tokenizer { .. });
        assert!(is_refused && error.to_string().contains("model: "), "{text}: {error}");
    }
    let nested = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let long = format!("{header}{}", " ".repeat(1 << 17));
    for text in ["", "1", "[]", "{}", "\u{0}", &nested, &long] {
        assert!(matches!(read(text).unwrap_err(), Error::ModelFile { .. }), "{text:.40}");
    }
}

#[test]
fn a_tree_whose_pages_claim_gigabytes_is_refused() {
    // The header of a page: its kind 0, its size, and its size on disk, as signed varints.
    let folder = tempfile::tempdir().unwrap();
    let good = trees(folder.path()).remove(0);
    let path = folder.path().join("tree");
    let mut refused = 0;
    for at in 4..good.len() - 3 {
        if good[at..].starts_with(&[0x15, 0, 0x15]) || good[at..].starts_with(&[0x15, 4, 0x15]) {
            let claim = [0xfe, 0xff, 0xff, 0xff, 0x0f];
            let size = good[at + 3..].iter().position(|&byte| byte < 0x80).unwrap() + 1;
            let page = [&good[..at + 3], &claim[..], &good[at + 3 + size..]].concat();
            fs::write(&path, page).unwrap();
            let text = read_tree(&path).unwrap_err().to_string();
            refused += usize::from(text.contains("its pages take 2147"));
        }
    }
    assert!(refused >= 2, "{refused}");
}
