//! Which files of a folder are read, separators, and which bad row is reported.

use elastic_core::Error;
use elastic_core::corpus::{Corpus, ReadOptions, Split};

use crate::support::*;

fn left(folder: &Folder, options: ReadOptions) -> Vec<String> {
    let corpus = Corpus::discover(&[folder.root()], options).unwrap();
    let below =
        |path: &std::path::Path| path.strip_prefix(folder.root()).unwrap().display().to_string();
    corpus.files().map(below).collect()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| text.to_string()).collect()
}

#[test]
fn texts_about_rows_are_no_documents() {
    let folder = Folder::new();
    for name in ["README.md", "LICENSE", "sub/Source.txt", "notes.txt"] {
        folder.write(name, "about");
    }
    assert_eq!(left(&folder, options()).len(), 4);
    folder.write("sub/a.jsonl", r#"{"text": "a"}"#);
    folder.write("dataset_info.json", r#"{"version": 1}"#);
    assert_eq!(left(&folder, options()), ["notes.txt", "sub/a.jsonl"]);
    let corpus = Corpus::discover(&[folder.root()], options()).unwrap();
    assert_eq!(corpus.left_out().len(), 4);
    assert_eq!(corpus.kinds().into_iter().collect::<Vec<_>>(), [("jsonl", 1), ("plain text", 1)]);
    // A file that is named is read.
    assert_eq!(read(&folder.path("README.md"), options()).unwrap(), ["about"]);
}

#[test]
fn include_and_exclude_choose_files_of_folders() {
    let folder = Folder::new();
    for name in ["a.txt", "b.txt", "sub/a.txt", "sub/c.log", "sub/deep/a.txt"] {
        folder.write(name, "x");
    }
    let choose = |include: &[&str], exclude: &[&str]| {
        left(
            &folder,
            ReadOptions { include: strings(include), exclude: strings(exclude), ..options() },
        )
    };
    assert_eq!(choose(&["*.log", "b.*"], &[]), ["b.txt", "sub/c.log"]);
    assert_eq!(choose(&[], &["a.txt"]), ["b.txt", "sub/c.log"]);
    assert_eq!(choose(&["sub/*"], &[]), ["sub/a.txt", "sub/c.log"]);
    assert_eq!(choose(&["sub/**"], &["*.log"]), ["sub/a.txt", "sub/deep/a.txt"]);
    let none = ReadOptions { include: strings(&["*.csv"]), ..options() };
    let error = Corpus::discover(&[folder.root()], none).unwrap_err().to_string();
    assert!(error.contains("none of its 5 files is left by include and exclude"), "{error}");
    let bad = ReadOptions { exclude: strings(&["["]), ..options() };
    let error = Corpus::discover(&[folder.root()], bad).unwrap_err().to_string();
    assert!(error.contains("[: not a usable pattern"), "{error}");
    // A file that is named is read.
    let other = ReadOptions { exclude: strings(&["*.txt"]), ..options() };
    assert_eq!(read(&folder.path("a.txt"), other).unwrap(), ["x"]);
}

#[test]
fn text_is_split_at_a_separator() {
    let folder = Folder::new();
    let on = |separator: &str| ReadOptions { split_on: Some(separator.to_string()), ..options() };
    let path = folder.write("a.txt", "<|e|>\na\n\nb\n<|e|>\r\nc <|e|><|e|>\n<|e|>d<|e\n");
    assert_eq!(read(&path, on("<|e|>")).unwrap(), ["a\n\nb", "c ", "d<|e"]);
    assert_eq!(read(&path, on("absent")).unwrap().len(), 1);

    // Documents, and a separator, that cross the blocks of a MiB in which a file is read.
    let long = |from: usize| "x".repeat((1 << 20) - from);
    for from in 0..12 {
        let texts = [long(from), "b\nb".to_string(), long(0) + &long(3), "c".to_string()];
        let path = folder.write("b.txt", texts.join("\n<|end|>\n"));
        assert_eq!(read(&path, on("<|end|>")).unwrap(), texts, "{from}");
        let (documents, _) = read_on(3, &[path], on("<|end|>")).unwrap();
        assert_eq!(bag(documents), bag(texts.to_vec()), "{from}");
    }

    let both = ReadOptions { split: Split::Line, ..on("x") };
    assert!(message(&path, both).contains("split line and a separator to split on: choose one"));
    assert!(message(&path, on("")).contains("an empty separator"));
}

#[test]
fn the_first_bad_row_is_reported_on_every_run() {
    let folder = Folder::new();
    let rows = |bad: &[usize]| -> String {
        let row = |row: usize| match bad.contains(&row) {
            true => "{\"text\": 1}\n".to_string(),
            false => format!("{{\"text\": \"{}\"}}\n", "word ".repeat(200)),
        };
        (0..8000).map(row).collect()
    };
    folder.write("a.jsonl", rows(&[7000, 7900]));
    folder.write("b.jsonl", rows(&[0, 10]));
    folder.write("c.jsonl.gz", b"no gzip");
    for _ in 0..10 {
        match read_on(4, &[folder.root()], options()) {
            Err(Error::BadRow { path, row, .. }) => {
                assert_eq!((path, row), (folder.path("a.jsonl"), 7001));
            }
            other => panic!("{:?}", other.map(|(documents, _)| documents.len())),
        }
    }
}

#[test]
fn a_wrong_key_is_answered_with_the_right_option() {
    let folder = Folder::new();
    let row = r#"{"id": "x", "prompt": "p", "answer": {"Content": "c"}}"#;
    let path = folder.write("a.jsonl", format!("{row}\n{{}}\n"));
    let cases = [
        (
            "text",
            "no key `text`; the row has `id`, `prompt`, `answer`; give `text_key=\"prompt\"`, or",
        ),
        ("promt", "no key `promt` (did you mean `prompt`?); the row has"),
        ("Prompt", "(did you mean `prompt`?); the row has"),
        ("answer.content", "no key `answer.content` (did you mean `answer.Content`?);"),
    ];
    for (key, wanted) in cases {
        let text = message(&path, keys(&[key]));
        assert!(text.contains(wanted), "{text}");
    }
    let text = message(&path, keys(&["prompt"]));
    assert!(text.contains("line 2: no key `prompt`; the row has no keys; fix the row, or skip"));
}
