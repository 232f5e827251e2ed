//! Columns of rows: the same JSON objects from every format.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, NullArray, StringArray,
};
use elastic_core::Error;
use elastic_core::corpus::{Corpus, ReadOptions};
use serde_json::{Value, json};

use crate::support::*;

/// The rows of a file as text, with the place of each.
fn rows(path: PathBuf, columns: Option<&[&str]>, options: ReadOptions) -> Vec<(String, String)> {
    let columns = columns.map(|names| names.iter().map(|name| name.to_string()).collect());
    let corpus = Corpus::discover(&[path], options).unwrap();
    let mut rows = Vec::new();
    for batch in corpus.rows(columns, 1 << 20).unwrap() {
        let batch = batch.unwrap();
        for (index, text) in batch.texts.iter().enumerate() {
            let place = format!("{} {}", batch.units[index], batch.indices[index]);
            rows.push((place, String::from_utf8(text.clone()).unwrap()));
        }
    }
    rows
}

fn values(path: PathBuf, columns: Option<&[&str]>) -> Vec<Value> {
    let parsed = |(_, row): (String, String)| serde_json::from_str(&row).unwrap();
    rows(path, columns, options()).into_iter().map(parsed).collect()
}

fn error(path: PathBuf) -> Error {
    let corpus = Corpus::discover(&[path], options()).unwrap();
    corpus.rows(None, 1 << 20).unwrap().find_map(|batch| batch.err()).unwrap()
}

#[test]
fn all_formats_have_the_same_rows() {
    let folder = Folder::new();
    let expected = [json!({"a": "x, \"y\"\nz", "b": "1"}), json!({"a": "ὦ", "b": null})];
    let lines = format!("{}\n\n{}\n", expected[0], expected[1]);
    let a: ArrayRef = Arc::new(StringArray::from(vec!["x, \"y\"\nz", "ὦ"]));
    let b: ArrayRef = Arc::new(StringArray::from(vec![Some("1"), None]));
    let files = [
        folder.write("a.jsonl", &lines),
        folder.write("b.json", &lines),
        folder.write("c.json", serde_json::to_string_pretty(&expected).unwrap()),
        folder.write("d.json.gz", gz(Value::from(expected.to_vec()).to_string().as_bytes())),
        folder.write("e.json", r#"{"a": ["x, \"y\"\nz", "ὦ"], "b": ["1", null], "c": []}"#),
        folder.write("f.csv", "a,b\n\"x, \"\"y\"\"\nz\",1\nὦ\n"),
        folder.write("g.parquet", parquet(vec![("a", a), ("b", b)], 1)),
    ];
    for path in files {
        assert_eq!(values(path.clone(), None), expected, "{}", path.display());
        let named = [json!({"b": "1"}), json!({"b": null})];
        assert_eq!(values(path.clone(), Some(&["b", "none"])), named, "{}", path.display());
    }
}

#[test]
fn values_are_those_of_the_file() {
    let folder = Folder::new();
    let row = r#"{"n": NaN, "i": -Infinity, "big": 123456789012345678901234567890, "s": "\ud83d", "s2": 1.50}"#;
    let path = folder.write("a.jsonl", row);
    let read = rows(path.clone(), Some(&["n", "i", "big", "s", "s2"]), options());
    assert_eq!(read, [("line 0".to_string(), row.replace(": ", ":").replace(", ", ","))]);
    let twice = folder.write("b.jsonl", r#"{"a": 1, "\u0061": 2}"#);
    assert_eq!(values(twice, Some(&["a"])), [json!({"a": 2})]);
    let columns = folder.write("c.json", r#"{"a": [NaN, 1], "v": 2}"#);
    let read = rows(columns, None, options());
    assert_eq!(
        read.iter().map(|(_, row)| &row[..]).collect::<Vec<_>>(),
        [r#"{"a":NaN}"#, r#"{"a":1}"#]
    );
}

#[test]
fn parquet_values_become_json() {
    let folder = Folder::new();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", Arc::new(Int64Array::from(vec![Some(-5), None]))),
        ("f", Arc::new(Float64Array::from(vec![1e300, f64::NAN]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false]))),
        ("d", Arc::new(Date32Array::from(vec![0, 1]))),
        ("n", Arc::new(NullArray::new(2))),
    ];
    let path = folder.write("a.parquet", parquet(columns, 2));
    let read = rows(path, None, options());
    let texts: Vec<_> = read.iter().map(|(_, row)| &row[..]).collect();
    assert_eq!(
        texts,
        [
            r#"{"i":-5,"f":1e300,"b":true,"d":"1970-01-01","n":null}"#,
            r#"{"i":null,"f":NaN,"b":false,"d":"1970-01-02","n":null}"#,
        ]
    );
}

#[test]
fn an_object_of_columns_of_any_size_is_no_row() {
    let folder = Folder::new();
    let texts: Vec<String> = (0..20_000).map(|row| format!("{row} {}", "x".repeat(99))).collect();
    let object = json!({"version": 1, "text": texts});
    for written in [object.to_string(), serde_json::to_string_pretty(&object).unwrap()] {
        assert!(written.len() > 1 << 20);
        let path = folder.write("a.json", written);
        assert_eq!(read(&path, options()).unwrap(), texts);
        assert_eq!(values(path, None).len(), texts.len());
    }
    for row in [r#"{"text": "a", "tags": ["x", "y"]}"#, r#"{"text": [{"content": "a"}]}"#] {
        assert_eq!(read(&folder.write("b.json", row), options()).unwrap(), ["a"]);
    }
    let uneven = folder.write("c.json", r#"{"text": ["a"], "b": [1, 2]}"#);
    assert!(message(&uneven, options()).contains("the columns `b`, `text` differ in length"));
}

#[test]
fn faults_are_those_of_texts() {
    let folder = Folder::new();
    let cases = [
        ("a.jsonl", "{\"a\": 1}\n5\n", "a.jsonl, line 2: the row is a number, not an object"),
        ("a.jsonl", "{\"a\": 1,}", "a.jsonl, line 1: invalid JSON"),
        ("a.json", "[5]", "a.json, row 1: the row is a number, not an object"),
        ("a.csv", "a\n1,2\n", "a.csv, row 1: 2 cells for 1 columns"),
        ("a.jsonl", "", "no documents found"),
    ];
    for (name, data, message) in cases {
        let text = error(folder.write(name, data)).to_string();
        assert!(text.contains(message), "{text}");
    }
    let bad = folder.write("a.jsonl", "5\n{\"a\": 1}\n");
    assert_eq!(rows(bad, None, skip(options())), [("line 1".to_string(), "{\"a\":1}".to_string())]);
    folder.write("b.txt", "text");
    let corpus = Corpus::discover(&[folder.root()], options()).unwrap();
    let text = corpus.rows(None, 1).unwrap_err().to_string();
    assert!(text.ends_with("b.txt: plain text has no columns"), "{text}");
}
