//! Batches of documents: in order, with their positions, while a thread reads ahead.

use std::path::PathBuf;

use elastic_core::Error;
use elastic_core::corpus::{Corpus, DocumentBatch, ReadOptions, Split};
use proptest::prelude::*;

use crate::support::*;

fn batches(path: PathBuf, options: ReadOptions, bytes: usize) -> Vec<DocumentBatch> {
    let corpus = Corpus::discover(&[path], options).unwrap();
    corpus.batches(bytes, false).unwrap().map(|batch| batch.unwrap()).collect()
}

fn sizes(batches: &[DocumentBatch]) -> Vec<Vec<usize>> {
    batches.iter().map(|batch| batch.texts.iter().map(Vec::len).collect()).collect()
}

#[test]
fn documents_are_in_order_with_their_positions() {
    let folder = Folder::new();
    folder.write("a.txt", "one\n\ntwo\n");
    folder.write("b.jsonl", "{\"text\": \"three\"}\n{}\n\n{\"text\": \"four\"}\n");
    let read = batches(folder.root(), skip(split(Split::Line)), 1 << 20);
    let [batch] = &read[..] else { panic!("{read:?}") };
    assert_eq!(batch.texts, [&b"one"[..], b"two", b"three", b"four"]);
    assert_eq!(batch.indices, [0, 2, 0, 3]);
    let names: Vec<_> = batch.sources.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["a.txt", "a.txt", "b.jsonl", "b.jsonl"]);
}

#[test]
fn a_batch_has_a_maximum_size_or_one_long_document() {
    let folder = Folder::new();
    let file =
        folder.write("a.jsonl", jsonl(&["", "", "", "abcdefgh", "ab", "c"].map(String::from)));
    assert_eq!(
        sizes(&batches(file.clone(), options(), 4)),
        [vec![0, 0, 0], vec![8], vec![2], vec![1]]
    );
    assert_eq!(sizes(&batches(file.clone(), options(), 5)), [vec![0, 0, 0], vec![8], vec![2, 1]]);
    assert_eq!(sizes(&batches(file.clone(), options(), 1)).len(), 6);
    let corpus = Corpus::discover(&[file], options()).unwrap();
    assert!(matches!(corpus.batches(0, false), Err(Error::InvalidArgument(_))));
}

#[test]
fn errors_follow_the_documents_before_them() {
    let folder = Folder::new();
    let file = folder.write("a.jsonl", "{\"text\": \"good\"}\n{}\n");
    let corpus = Corpus::discover(&[file], options()).unwrap();
    let mut batches = corpus.batches(1, false).unwrap();
    let error = batches.find_map(|batch| batch.err()).unwrap();
    assert!(matches!(error, Error::BadRow { row: 2, .. }), "{error}");
    assert!(batches.next().is_none());
    let empty = Corpus::discover(&[folder.write("b.txt", "")], options()).unwrap();
    assert!(matches!(empty.batches(1, false).unwrap().next(), Some(Err(Error::EmptyCorpus(_)))));
}

#[test]
fn text_that_is_not_utf8_is_a_bad_row_to_a_tokenizer() {
    let folder = Folder::new();
    let file = folder.write("a.txt", b"good\nb\xffd\n");
    let corpus = Corpus::discover(&[file], split(Split::Line)).unwrap();
    assert_eq!(corpus.batches(99, false).unwrap().next().unwrap().unwrap().texts.len(), 2);
    let error = corpus.batches(99, true).unwrap().find_map(|batch| batch.err()).unwrap();
    assert!(error.to_string().contains("line 2: invalid UTF-8 at byte 1 of the text"), "{error}");
}

proptest! {
    #[test]
    fn batches_have_the_documents_of_a_read(
        texts in prop::collection::vec("[a-c]{0,9}", 1..40),
        bytes in 1usize..40,
        sample in 0.2f64..1.0,
        limit in 1u64..30,
    ) {
        let folder = Folder::new();
        let file = folder.write("a.jsonl", jsonl(&texts));
        let options = ReadOptions { sample: Some(sample), limit: Some(limit), ..options() };
        let Ok((expected, _)) = read_on(1, std::slice::from_ref(&file), options.clone()) else {
            return Ok(());
        };
        let read = batches(file, options, bytes);
        let full = |sizes: &Vec<usize>| sizes.iter().map(|size| size + 1).sum::<usize>() <= bytes;
        prop_assert!(sizes(&read).iter().all(|sizes| sizes.len() == 1 || full(sizes)));
        let indices: Vec<u64> = read.iter().flat_map(|batch| batch.indices.clone()).collect();
        let documents: Vec<_> = read.into_iter().flat_map(|batch| batch.texts).collect();
        prop_assert_eq!(&documents, &expected.into_iter().map(String::into_bytes).collect::<Vec<_>>());
        for (index, document) in indices.iter().zip(&documents) {
            prop_assert_eq!(texts[*index as usize].as_bytes(), &document[..]);
        }
    }
}
