//! Files of trees and of tree models.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use elastic_core::model::TreeModel;
use elastic_core::tokens::Alphabet;
use elastic_core::tree::{BuildOptions, Segment, Shape, TokenTree, Volume, from_symbols};
use elastic_core::{Error, Job};
use sha2::{Digest, Sha256};

use super::{folder, overwrite};

const MEMORY: u64 = 16 << 20;
const TEXT: &[u8] = b"to be or not to be, that is the question";
/// Bytes of a model file before its header, and of the checksum at its end.
const FIXED: usize = 16;
const DIGEST: usize = 32;

/// A tree file with arbitrary bytes is refused, or is a tree that survives being saved; so does
/// every tree.
pub fn tree_file(data: &[u8]) {
    let [mode, at, high, data @ ..] = data else { return };
    let at = usize::from(u16::from_le_bytes([*at, *high]));
    match mode % 3 {
        0 => read_tree(data),
        1 => read_tree(&overwrite(good_tree(), at, data)),
        _ => {
            let depth = 1 + at % 12;
            let segment = [Segment::Chunk, Segment::Prefix, Segment::Window][at / 12 % 3];
            let tree = tree_of(data, depth, segment, [256, 300, 70_000][at / 36 % 3]);
            survives(&tree);
        }
    }
}

fn tree_of(text: &[u8], depth: usize, segment: Segment, vocabulary: u32) -> TokenTree {
    let ids: Vec<u32> = text.iter().map(|&byte| byte.into()).collect();
    let offsets = [0, ids.len() as u64 / 3, ids.len() as u64];
    let options = BuildOptions { depth, segment, memory: MEMORY, threads: 1 };
    from_symbols(&ids, &offsets, vocabulary, options, &Job::default()).unwrap()
}

fn good_tree() -> &'static [u8] {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let path = folder::path("good tree");
        tree_of(TEXT, 2, Segment::Chunk, 300).save(&path, true, &Job::default()).unwrap();
        fs::read(path).unwrap()
    })
}

fn read_tree(file: &[u8]) {
    let path = folder::file("tree", file);
    let _ = TokenTree::is_file(&path);
    match TokenTree::open(&path, MEMORY, &Job::default()) {
        Ok(tree) => survives(&tree),
        Err(error) => assert!(matches!(error, Error::TreeFile { .. }), "{error}"),
    }
}

/// Saves a tree and opens it again.
fn survives(tree: &TokenTree) {
    let (path, job) = (folder::path("again"), Job::default());
    tree.save(&path, true, &job).unwrap();
    let again = TokenTree::open(&path, MEMORY, &job).unwrap();
    assert_eq!(contents(&again), contents(tree));
}

fn contents(tree: &TokenTree) -> (Shape, Volume, Vec<(Vec<u8>, u64)>) {
    let mut leaves = Vec::new();
    let mut collect = |row: &[u8], count| {
        leaves.push((row.to_vec(), count));
        Ok(())
    };
    tree.for_each_leaf(&Job::default(), &mut collect).unwrap();
    (tree.shape().clone(), tree.volume(), leaves)
}

/// A tree model's file with arbitrary bytes is refused, or is a model that can be used and saved.
pub fn tree_model(data: &[u8]) {
    let [mode, low, middle, high, data @ ..] = data else { return };
    let at = u32::from_le_bytes([*low, *middle, *high, 0]) as usize;
    match mode % 4 {
        0 => read_model(data),
        1 => read_model(&overwrite(good_model(), at, data)),
        2 => read_model(&signed(&overwrite(without_digest(good_model()), at, data))),
        _ => read_model(&signed(&with_tables(good_model(), at, data))),
    }
}

fn good_model() -> &'static [u8] {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let mut model = TreeModel::new(8, 256, MEMORY).unwrap();
        model.update(&[TEXT], 1.0, &Job::default()).unwrap();
        saved(&model, &Alphabet::Byte)
    })
}

fn saved(model: &TreeModel, alphabet: &Alphabet) -> Vec<u8> {
    let path = folder::path("again");
    model.save(&path, alphabet, &Job::default()).unwrap();
    fs::read(path).unwrap()
}

fn without_digest(file: &[u8]) -> &[u8] {
    &file[..file.len() - DIGEST]
}

fn signed(body: &[u8]) -> Vec<u8> {
    [body, &Sha256::digest(body)[..]].concat()
}

/// The file, without its digest, with a part of its tables overwritten.
fn with_tables(file: &[u8], at: usize, data: &[u8]) -> Vec<u8> {
    let header = FIXED + u32::from_le_bytes([file[12], file[13], file[14], file[15]]) as usize;
    let (head, stream) = without_digest(file).split_at(header);
    let mut tables = Vec::new();
    zstd::Decoder::new(stream).unwrap().read_to_end(&mut tables).unwrap();
    let tables = overwrite(&tables, at, data);
    let mut stream = zstd::Encoder::new(head.to_vec(), 1).unwrap();
    stream.write_all(&tables).unwrap();
    stream.finish().unwrap()
}

fn read_model(file: &[u8]) {
    let path = folder::file("model", file);
    let (mut model, alphabet) = match load(&path) {
        Ok(loaded) => loaded,
        Err(Error::ModelFile { .. } | Error::Tokenizer { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(
        model.identity(&alphabet, &Job::default()).unwrap(),
        digest_of(&saved(&model, &alphabet))
    );
    let documents = [&b"to be"[..], b""];
    let job = Job::default();
    for scores in model.log_probs(&documents, &job).unwrap() {
        assert!(scores.iter().all(|score| *score <= 0.0 && score.is_finite()));
    }
    model.sample(&documents, 3, 1.0, 0, &job).unwrap();
    let bits = model.update(&documents, 1.5, &job).unwrap();
    assert!(bits.iter().all(|bits| *bits >= 0.0 && bits.is_finite()));
}

fn load(path: &Path) -> elastic_core::Result<(TreeModel, Alphabet)> {
    TreeModel::load(path, &Job::default())
}

fn digest_of(file: &[u8]) -> String {
    file[file.len() - DIGEST..].iter().map(|byte| format!("{byte:02x}")).collect()
}
