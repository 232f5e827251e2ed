//! Reading whole corpora: samples, limits, progress, cancellation, and comparison to naive readers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use elastic_core::corpus::{Corpus, ReadOptions, Split};
use elastic_core::{Error, Job, Phase};
use proptest::prelude::*;

use crate::support::*;

#[test]
fn a_sample_depends_only_on_names_and_seed() {
    let folder = Folder::new();
    let texts: Vec<_> = (0..2000).map(|index| format!("text {index}")).collect();
    folder.write("x/a.jsonl", jsonl(&texts[..1000]));
    folder.write("x/b.txt", texts[1000..].join("\n"));
    let sample = |threads, seed, paths: &[PathBuf]| {
        let options = ReadOptions { sample: Some(0.1), seed, split: Split::Line, ..options() };
        bag(read_on(threads, paths, options).unwrap().0)
    };
    let all = [folder.path("x")];
    let one = sample(1, 7, &all);
    assert!((150..250).contains(&one.len()), "{}", one.len());
    assert_eq!(one, sample(4, 7, &all));
    assert_eq!(one, sample(3, 7, &[folder.path("x/b.txt"), folder.path("x/a.jsonl")]));
    assert_eq!(one, sample(1, 7, &[folder.path("x/*")]));
    assert_ne!(one, sample(1, 8, &all));
}

#[test]
fn a_limit_takes_the_first_documents_and_reads_no_further() {
    let folder = Folder::new();
    let limit = |limit| ReadOptions { limit: Some(limit), ..split(Split::Line) };
    folder.write("a.txt", "1\n2\n");
    let packed = gz(&noise(4 << 20));
    folder.write("b.txt.gz", &packed[..packed.len() / 2]);
    let paths = [folder.root()];
    assert_eq!(read_on(4, &paths, limit(1)).unwrap().0, ["1"]);
    let (documents, _) = read_on(4, &paths, limit(3)).unwrap();
    assert_eq!((documents.len(), documents[1].as_str()), (3, "2"));
    assert!(read_on(4, &paths, limit(1_000_000)).is_err());
}

#[test]
fn progress_ends_at_the_total_size() {
    let folder = Folder::new();
    folder.write("a.txt.gz", gz(&noise(100_000)));
    folder.write("b.jsonl", jsonl(&["x".to_string()]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    folder.write("c.parquet", parquet(vec![("text", texts)], 2));
    for threads in [1, 4] {
        let corpus = Corpus::discover(&[folder.root()], options()).unwrap();
        let job = Job::default();
        corpus.read(threads, &job, || Count { panics: false }).unwrap();
        assert_eq!(job.progress(), (Phase::Read, corpus.size(), corpus.size()));
    }
}

#[test]
fn a_stopped_job_is_interrupted() {
    let folder = Folder::new();
    folder.write("a.txt", "text");
    let job = Job::default();
    job.stop();
    for threads in [1, 4] {
        let corpus = Corpus::discover(&[folder.root()], options()).unwrap();
        let result = corpus.read(threads, &job, || Count { panics: false });
        assert!(matches!(result, Err(Error::Interrupted)));
    }
}

#[test]
fn a_panic_is_propagated() {
    let folder = Folder::new();
    let texts: Vec<_> = (0..100_000).map(|index| format!("text {index}")).collect();
    folder.write("a.jsonl", jsonl(&texts));
    folder.write("b.jsonl", jsonl(&texts));
    let corpus = Corpus::discover(&[folder.root()], options()).unwrap();
    let read = || corpus.read(4, &Job::default(), || Count { panics: true });
    assert!(catch_unwind(AssertUnwindSafe(read)).is_err());
}

// Against a naive reader.

fn naive_lines(text: &str) -> Vec<String> {
    let line = |line: &str| match line.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line).to_string(),
        None => line.to_string(),
    };
    text.split_inclusive('\n').map(line).filter(|line| !line.is_empty()).collect()
}

fn naive_paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.split_inclusive('\n') {
        match line.trim_ascii().is_empty() {
            true => paragraphs.push(String::new()),
            false => paragraphs.last_mut().unwrap().push_str(line),
        }
    }
    paragraphs
        .into_iter()
        .flat_map(|text| match text.strip_suffix('\n') {
            Some(rest) => Some(rest.strip_suffix('\r').unwrap_or(rest).to_string()),
            None => Some(text).filter(|text| !text.is_empty()),
        })
        .collect()
}

/// Text with line endings and white space anywhere, including at block boundaries.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => Just("\n".to_string()),
        3 => Just("\r\n".to_string()),
        2 => Just(" ".to_string()),
        1 => Just("\r".to_string()),
        1 => Just("\t".to_string()),
        4 => "[a-zé]{1,5}",
        2 => (1usize..700_000).prop_map(|length| "x".repeat(length)),
        1 => (1usize..300_000).prop_map(|length| "word \r\n".repeat(length / 7)),
        1 => (1usize..300_000).prop_map(|length| "\n  ".repeat(length / 3)),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn text_equals_a_naive_reader(texts in proptest::collection::vec(pieces(), 1..4)) {
        let folder = Folder::new();
        for (index, text) in texts.iter().enumerate() {
            folder.write(&format!("{index}.txt"), text);
        }
        type Naive = fn(&str) -> Vec<String>;
        let ways: [(Split, Naive); 3] = [
            (Split::Document, |text| Some(text.to_string()).filter(|text| !text.is_empty()).into_iter().collect()),
            (Split::Line, naive_lines),
            (Split::Paragraph, naive_paragraphs),
        ];
        for (way, naive) in ways {
            let expected: Vec<_> = texts.iter().flat_map(|text| naive(text)).collect();
            for threads in [1, 4] {
                match read_on(threads, &[folder.root()], split(way)) {
                    Ok((documents, _)) if threads == 1 => prop_assert!(documents == expected, "{way:?}"),
                    Ok((documents, _)) => prop_assert!(bag(documents) == bag(expected.clone()), "{way:?}"),
                    Err(Error::EmptyCorpus(_)) => prop_assert!(expected.is_empty()),
                    Err(other) => prop_assert!(false, "{other}"),
                }
            }
        }
    }

    #[test]
    fn every_format_returns_what_was_written(
        texts in proptest::collection::vec(".{0,40}", 1..40),
        copies in 1usize..400,
        group in 1usize..50,
    ) {
        let folder = Folder::new();
        let rows = jsonl(&texts).repeat(copies);
        folder.write("a.jsonl", &rows);
        for (ending, _, compress) in CODECS {
            folder.write(&format!("b.jsonl.{ending}"), compress(rows.as_bytes()));
        }
        let column: ArrayRef = Arc::new(StringArray::from(texts.clone()));
        folder.write("c.parquet", parquet(vec![("text", column)], group));
        let mut expected: Vec<String> = Vec::new();
        for _ in 0..copies * 5 {
            expected.extend_from_slice(&texts);
        }
        expected.extend_from_slice(&texts);
        prop_assert!(read_on(1, &[folder.root()], options()).unwrap().0 == expected);
        prop_assert!(bag(read_on(4, &[folder.root()], options()).unwrap().0) == bag(expected));
    }
}
