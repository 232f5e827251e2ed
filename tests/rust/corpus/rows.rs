//! JSON lines and Parquet: keys, bad rows, damage.

use std::sync::Arc;

use arrow_array::builder::{
    ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder, StructBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, Date32Array, FixedSizeBinaryArray, Int64Array, LargeStringArray,
    NullArray, StringArray, StringViewArray,
};
use arrow_schema::{DataType, Field};
use elastic_core::Error;
use elastic_core::corpus::Split;

use crate::support::*;

#[test]
fn json_keys_are_paths() {
    let folder = Folder::new();
    let row = r#"{"text": "t\u00e9\n", "n": 1, "a": {"b": "ab", "x.y": "dotted"}, "a.b": "whole",
        "list": ["1", null, "2"], "nested": [["1", "2"], [], ["3"]], "empty": "", "none": [],
        "messages": [{"role": "user", "content": "hi"}, {"role": "bot", "content": null},
            {"role": "user", "content": [{"type": "text", "text": "p"}, {"text": "q"}]}],
        "deep": [{"m": {"text": "d1"}}, {"m": {"text": "d2"}}], "text": "last"}"#;
    let path = folder.write("a.jsonl", row.replace('\n', " "));
    let cases: [(&[&str], &str); 12] = [
        (&["text"], "last"),
        (&["a.b"], "whole"),
        (&["a.x.y"], "dotted"),
        (&["list"], "1\n2"),
        (&["nested"], "1\n2\n\n3"),
        (&["messages"], "hi\np\nq"),
        (&["messages.content"], "hi\np\nq"),
        (&["messages.role"], "user\nbot\nuser"),
        (&["deep.m.text"], "d1\nd2"),
        (&["list", "empty", "text"], "1\n2\n\nlast"),
        (&["empty"], ""),
        (&["none"], ""),
    ];
    for (key, text) in cases {
        assert_eq!(read(&path, keys(key)).unwrap(), [text], "{key:?}");
    }
}

#[test]
fn bad_rows_are_reported_or_skipped() {
    let folder = Folder::new();
    let good = r#"{"text": "good"}"#;
    let deep = format!(r#"{{"text": {}"x"{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let cases: [(&[u8], &str); 16] = [
        (br#"{"id": 1, "body": "x"}"#, "no key `text`; the row has `id`, `body`"),
        (b"{}", "no key `text`; the row has no keys"),
        (br#"{"text": 5}"#, "`text` is a number, not a string"),
        (br#"{"text": true}"#, "`text` is a boolean, not a string"),
        (br#"{"text": null}"#, "`text` is null, not a string"),
        (br#"{"text": {"a": "b"}}"#, "`text` is an object, not a string"),
        (br#"{"text": ["a", 1]}"#, "`text` is a number, not a string"),
        (
            br#"{"text": [{"b": 1}]}"#,
            "an object in `text` has none of `content`, `text` and `value`, only `b`",
        ),
        (br#"["text"]"#, "the row is a list, not an object"),
        (b"text", "invalid JSON (expected ident at column 2)"),
        (br#"{"text": "a""#, "invalid JSON (EOF while parsing an object at column 12)"),
        (br#"{"text": "a"} {}"#, "invalid JSON (trailing characters at column 15)"),
        (
            br#"{"text": "\ud800"}"#,
            "the text has half a surrogate pair, such as \\ud83d, which is no character",
        ),
        (b"{\"text\": \"a\xff\"}", "not UTF-8 at column 12"),
        (deep.as_bytes(), "more than 64 nested lists at `text`"),
        (br#"{"text": "refuse"}"#, "refused"),
    ];
    for (row, reason) in cases {
        let data = [good.as_bytes(), b"\r\n\n", row, b"\n", good.as_bytes()].concat();
        let path = folder.write("a.jsonl", &data);
        let place = format!("{}, line 3: {reason}; fix the row", path.display());
        for threads in [1, 4] {
            let paths = [path.clone()];
            let error = read_on(threads, &paths, options()).unwrap_err();
            assert!(matches!(error, Error::BadRow { unit: "line", row: 3, .. }), "{error}");
            assert!(error.to_string().starts_with(&place), "{error}\n{place}");
            let (documents, counts) = read_on(threads, &paths, skip(options())).unwrap();
            assert_eq!((documents, counts.bad_rows), (vec!["good".to_string(); 2], 1));
        }
    }
    let path = folder.write("a.jsonl", r#"{"a": {"c": "x"}, "s": "x"}"#);
    assert!(message(&path, keys(&["a.b"])).contains("no key `a.b`; `a` has `c`"));
    assert!(message(&path, keys(&["s.b"])).contains("`s` is a string, not an object"));
}

#[test]
fn other_keys_and_a_byte_order_mark_do_not_matter() {
    let folder = Folder::new();
    let path = folder.write("a.ndjson", "\u{feff}{\"x\": \"\\ud800\", \"text\": \"a\"}\n");
    assert_eq!(read(&path, options()).unwrap(), ["a"]);
}

#[test]
fn rows_that_are_too_long_are_bad() {
    let folder = Folder::new();
    let mut data = b"{\"text\": \"a\"}\n{\"text\": \"".to_vec();
    data.resize(data.len() + (257 << 20), b'x');
    data.extend_from_slice(b"\"}\n{\"text\": \"b\"}\n{}");
    let path = folder.write("a.jsonl.zst", zst(&data));
    drop(data);
    assert!(message(&path, options()).contains("line 2: longer than 64 MiB;"));
    let (documents, counts) = read_on(2, &[path], skip(options())).unwrap();
    assert_eq!((documents.len(), counts.bad_rows), (2, 2));
}

#[test]
fn a_rejected_text_is_reported_with_its_position() {
    let folder = Folder::new();
    let path = folder.write("a.txt", "one\n\ntwo\n\n\nrefuse\nthis\n");
    assert!(message(&path, split(Split::Document)).contains("a.txt, document 1: refused;"));
    assert!(message(&path, split(Split::Line)).contains("a.txt, line 6: refused;"));
    assert!(message(&path, split(Split::Paragraph)).contains("a.txt, line 6: refused;"));
    assert_eq!(read(&path, skip(split(Split::Paragraph))).unwrap(), ["one", "two"]);
}

// Parquet.

#[test]
fn parquet_columns_of_text_are_read() {
    let folder = Folder::new();
    let texts = vec!["a", "", "ccc", "a"];
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    texts.iter().for_each(|text| dictionary.append_value(text));
    let columns: [(&str, ArrayRef); 5] = [
        ("utf8", Arc::new(StringArray::from(texts.clone()))),
        ("large", Arc::new(LargeStringArray::from(texts.clone()))),
        ("view", Arc::new(StringViewArray::from(texts.clone()))),
        ("binary", Arc::new(BinaryArray::from_iter_values(&texts))),
        ("dictionary", Arc::new(dictionary.finish())),
    ];
    let path = folder.write("a.parquet", parquet(columns.to_vec(), 3));
    for (name, _) in columns {
        assert_eq!(read(&path, keys(&[name])).unwrap(), texts, "{name}");
    }
    let joined = read(&path, keys(&["utf8", "view"])).unwrap();
    assert_eq!(joined, ["a\na", "\n", "ccc\nccc", "a\na"]);
}

#[test]
fn parquet_paths_follow_the_rules_of_json() {
    let folder = Folder::new();
    let fields = ["role", "content"].map(|name| Field::new(name, DataType::Utf8, true));
    let mut messages = ListBuilder::new(StructBuilder::from_fields(fields.to_vec(), 0));
    for conversation in [vec![Some("hi"), None, Some("ho")], vec![], vec![Some("x")]] {
        for content in conversation {
            let message = messages.values();
            message.field_builder::<StringBuilder>(0).unwrap().append_value("user");
            message.field_builder::<StringBuilder>(1).unwrap().append_option(content);
            message.append(true);
        }
        messages.append(true);
    }
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let columns = vec![("id", ids), ("messages", Arc::new(messages.finish()) as ArrayRef)];
    let path = folder.write("a.pq", parquet(columns, 2));
    assert_eq!(read(&path, keys(&["messages"])).unwrap(), ["hi\nho", "", "x"]);
    assert_eq!(read(&path, keys(&["messages.content"])).unwrap(), ["hi\nho", "", "x"]);
    assert_eq!(read(&path, keys(&["messages.role"])).unwrap()[0], "user\nuser\nuser");

    // A wrong column is not a bad row, since it is wrong in every row.
    for (key, reason) in [
        ("text", "no key `text`; the row has `id`, `messages`"),
        ("messages.text", "no key `messages.text`; `messages` has `role`, `content`"),
        ("id", "`id` is a number, not a string"),
    ] {
        match read(&path, skip(keys(&[key]))) {
            Err(Error::Corpus { reason: message, .. }) => {
                assert!(message.starts_with(reason), "{message}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn null_in_parquet_is_a_bad_row() {
    let folder = Folder::new();
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, Some("c")]));
    let path = folder.write("a.parquet", parquet(vec![("text", texts)], 2));
    assert!(message(&path, options()).contains("a.parquet, row 3: `text` is null, not a string;"));
    let (documents, counts) = read_on(4, &[path], skip(options())).unwrap();
    assert_eq!((documents.len(), counts.bad_rows), (3, 1));
}

#[test]
fn a_column_of_nulls_has_bad_rows_only() {
    let folder = Folder::new();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a b", "c d"]));
    let nulls: ArrayRef = Arc::new(NullArray::new(2));
    folder.write("a.parquet", parquet(vec![("text", texts)], 2));
    let path = folder.write("b.parquet", parquet(vec![("text", nulls)], 2));
    let (documents, counts) = read_on(2, &[folder.root()], skip(options())).unwrap();
    assert_eq!((documents.len(), counts.bad_rows), (2, 2));
    assert!(message(&path, options()).contains("b.parquet, row 1: `text` is null, not a string;"));
}

#[test]
fn columns_of_other_types_are_named() {
    let folder = Folder::new();
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k");
    map.values().append_value("v");
    map.append(true).unwrap();
    let fixed = FixedSizeBinaryArray::try_from_iter([b"abcd"].into_iter()).unwrap();
    let columns: [(&str, ArrayRef, &str); 3] = [
        ("map", Arc::new(map.finish()), "a map"),
        ("fixed", Arc::new(fixed), "bytes of fixed length"),
        ("date", Arc::new(Date32Array::from(vec![1])), "a date"),
    ];
    for (name, column, kind) in columns {
        let path = folder.write("a.parquet", parquet(vec![(name, column)], 2));
        let text = message(&path, keys(&[name]));
        assert!(text.contains(&format!("`{name}` is {kind}, not a string; name a text")), "{text}");
    }
}

#[test]
fn damaged_parquet_is_reported() {
    let folder = Folder::new();
    let lines = String::from_utf8(noise(20_000)).unwrap();
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(lines.lines()));
    let whole = parquet(vec![("text", texts)], 100);
    for keep in [0, 3, whole.len() / 2, whole.len() - 1] {
        let path = folder.write("a.parquet", &whole[..keep]);
        let text = message(&path, options());
        assert!(text.contains("a.parquet: damaged or truncated Parquet data ("), "{text}");
    }
    // Any damage leads to a result or an error, never to a panic.
    for at in (0..whole.len()).step_by(whole.len() / 300) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let path = folder.write("a.parquet", damaged);
        match read(&path, options()) {
            Ok(_) | Err(Error::Corpus { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
