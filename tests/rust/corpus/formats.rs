//! .json, .csv and .tsv; data that are not text; pipes.

use std::io::Write;

use elastic_core::Job;
use elastic_core::corpus::{Corpus, ReadOptions, Split};

use crate::support::*;

#[test]
fn json_files_are_read_in_every_layout() {
    let folder = Folder::new();
    let layouts = [
        "{\"text\":\"a [b\",\"n\":1}\n\n{\"text\":\"c\\\"d\"}\n",
        "\u{feff}{\"text\":\"a [b\"}\r\n{\"text\":\"c\\\"d\"}",
        r#"[{"text":"a [b"},{"text":"c\"d","x":[{"y":"]"}]}]"#,
        " [\n  {\n    \"text\": \"a [b\",\n    \"n\": [1, 2]\n  },\n  {\"text\": \"c\\\"d\"}\n]\n",
        "{\n  \"text\": \"a [b\",\n  \"x\": {}\n}\n{\n  \"text\": \"c\\\"d\"\n}\n",
    ];
    for layout in layouts {
        for (name, data) in
            [("a.json", layout.as_bytes().to_vec()), ("b.json.gz", gz(layout.as_bytes()))]
        {
            let path = folder.write(name, data);
            assert_eq!(read(&path, options()).unwrap(), ["a [b", "c\"d"], "{layout}");
        }
    }
    for nothing in ["", " \n", "[]", "[ ]\n"] {
        let path = folder.write("a.json", nothing);
        assert!(message(&path, options()).contains("no documents found"), "{nothing}");
    }
}

#[test]
fn long_json_arrays_reach_all_threads() {
    let folder = Folder::new();
    let texts: Vec<String> = (0..40_000).map(|row| format!("row {row} [{{\n\"")).collect();
    let values: Vec<_> = texts.iter().map(|text| serde_json::json!({ "text": text })).collect();
    let pretty = serde_json::to_string_pretty(&values).unwrap();
    assert!(pretty.len() > 5 << 18);
    let path = folder.write("a.json", pretty);
    assert_eq!(read(&path, options()).unwrap(), texts);
    let (documents, _) = read_on(4, &[path], options()).unwrap();
    assert_eq!(bag(documents), bag(texts));
}

#[test]
fn json_files_without_rows_are_refused() {
    let folder = Folder::new();
    let cases = [
        ("to be or not", "neither JSON objects nor an array of them"),
        ("\"text\"", "neither JSON objects nor an array of them"),
        (r#"[{"text": "a"}, {"text": "b""#, "the JSON ends within row 2; write one row a line"),
        (r#"[{"text": "a"},"#, "the JSON ends within row 2;"),
        (r#"[{"text": "a"}] {}"#, "the file goes on after the array;"),
        (r#"[{"text": "a"} {"text": "b"}]"#, "invalid JSON after row 1;"),
        (r#"[{"text": "a"},]"#, "invalid JSON after row 1;"),
        (r#"[{"text": "a"}, "b"]"#, "row 2: the row is a string, not an object;"),
    ];
    for (data, reason) in cases {
        let path = folder.write("a.json", data);
        let text = message(&path, options());
        assert!(text.contains(reason), "{data}: {text}");
    }
}

#[test]
fn numbers_that_json_lacks_do_not_matter_in_other_keys() {
    let folder = Folder::new();
    let huge = "9".repeat(5000);
    let rows = format!(
        "{}\n{}\n{{\"n\": {huge}, \"text\": \"e\"}}\n",
        r#"{"text": "a NaN \" Infinity", "x": NaN, "y": [Infinity, -Infinity]}"#,
        r#"{"x": {"y": NaN}, "text": "c"}"#,
    );
    let path = folder.write("a.jsonl", rows);
    assert_eq!(read(&path, options()).unwrap(), ["a NaN \" Infinity", "c", "e"]);
    let path = folder.write("b.jsonl", r#"{"text": NaN}"#);
    assert!(message(&path, options()).contains("`text` is a number, not a string;"));
    let path = folder.write("c.jsonl", r#"{"text": "a", "x": Nan}"#);
    assert!(message(&path, options()).contains("invalid JSON"));
}

#[test]
fn half_a_surrogate_pair_is_named() {
    let folder = Folder::new();
    let path =
        folder.write("a.jsonl", "{\"\\ud83d\": 1, \"text\": \"a\"}\n{\"text\": \"\\ud83d b\"}\n");
    let text = message(&path, options());
    assert!(text.contains("a.jsonl, line 2: the text has half a surrogate pair"), "{text}");
    assert_eq!(read(&path, skip(options())).unwrap(), ["a"]);
}

#[test]
fn conversations_of_share_gpt_and_calls_of_tools_are_read() {
    let folder = Folder::new();
    let rows = [
        r#"{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]}"#,
        r#"{"conversations": [{"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "tool_calls": [{"id": 1}]}, {"role": "tool", "content": "yes"}]}"#,
    ];
    let path = folder.write("a.jsonl", rows.map(|row| row.replace('\n', "")).join("\n"));
    assert_eq!(read(&path, keys(&["conversations"])).unwrap(), ["hi\nyes", "hi\nyes"]);
}

#[test]
fn tables_have_named_columns() {
    let folder = Folder::new();
    let path = folder.write(
        "a.csv",
        "\u{feff}id,text,note\r\n1,\"a, \"\"b\"\"\r\nc\",x\r\n\r\n2,,y\n3,d \" e\n4\n5,f,g,h\n",
    );
    let (documents, counts) = read_on(1, std::slice::from_ref(&path), skip(options())).unwrap();
    assert_eq!(
        (documents, counts.bad_rows),
        (vec!["a, \"b\"\r\nc".into(), "".into(), "d \" e".into()], 2)
    );
    let text = message(&path, options());
    assert!(text.contains("a.csv, row 4: `text` is null, not a string;"), "{text}");
    let joined = read(&path, skip(keys(&["note", "text"]))).unwrap();
    assert_eq!(joined, ["x\na, \"b\"\r\nc", "y\n"]);
    let text = message(&path, keys(&["Text"]));
    assert!(text.contains("no key `Text` (did you mean `text`?); the row has `id`, `text`, `note`; give `text_key=\"text\"`"), "{text}");

    let path = folder.write("b.tsv.gz", gz(b"text\tid\n\"a, b\t1\nc\"\t2\n"));
    assert_eq!(read(&path, options()).unwrap(), ["\"a, b", "c\""]);

    let cell = "word ".repeat(400_000);
    let path = folder.write("c.csv", format!("text,id\n\"{cell}\",1\nb,2"));
    assert_eq!(read(&path, options()).unwrap(), [cell, "b".to_string()]);
}

#[test]
fn damaged_tables_are_refused() {
    let folder = Folder::new();
    let path = folder.write("a.csv", "text,id\n\"a,1\nb,2\n");
    let text = message(&path, skip(options()));
    assert!(text.contains("a quote is opened and never closed"), "{text}");
    let path = folder.write("b.csv", b"text\na\nb\xff\nc\n");
    let text = message(&path, options());
    assert!(text.contains("b.csv, row 2: not UTF-8 at byte 1 of the cell;"), "{text}");
    for empty in ["", "text\n", "text"] {
        let path = folder.write("c.csv", empty);
        assert!(message(&path, options()).contains("no documents found"), "{empty:?}");
    }
}

#[test]
fn archives_and_other_encodings_are_named_and_refused() {
    let folder = Folder::new();
    let utf16: Vec<u8> = "to be or".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_be: Vec<u8> = "to be or".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut tar = vec![0; 1024];
    tar[..5].copy_from_slice(b"a.txt");
    tar[257..262].copy_from_slice(b"ustar");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a.tar", tar.clone(), "a tar archive"),
        ("a.tar.gz", gz(&tar), "a tar archive"),
        ("a.tgz", gz(&tar), "a tar archive"),
        ("a.zip", b"PK\x03\x04".to_vec(), "a zip archive"),
        ("a.gz", gz(&tar), "a tar archive"),
        ("a.txt", tar, "a tar archive"),
        ("a.jsonl", b"PK\x03\x04".to_vec(), "a zip archive"),
        ("a.txt", gz(b"text"), "gzip data under another name; add .gz"),
        ("a.txt", zst(b"text"), "zstd data under another name"),
        ("a.txt", xz(b"text"), "xz data under another name"),
        ("a.txt", bz2(b"text"), "bzip2 data under another name"),
        ("a.txt", b"PAR1".to_vec(), "Parquet data under another name"),
        ("a.txt", [b"\xff\xfe", &utf16[..]].concat(), "UTF-16 text; save it as UTF-8"),
        ("a.csv", [b"\xfe\xff", &utf16_be[..]].concat(), "UTF-16 text"),
        ("a.txt", utf16.clone(), "UTF-16 text"),
        ("a.jsonl", utf16_be, "UTF-16 text"),
        ("a.txt.zst", zst(&utf16), "UTF-16 text"),
    ];
    for (name, data, reason) in cases {
        let path = folder.write(name, data);
        for split in [Split::Document, Split::Line] {
            let text = message(&path, skip(ReadOptions { split, ..options() }));
            assert!(text.contains(&format!("{name}: {reason}")), "{text}");
        }
    }
}

#[test]
fn zeros_after_gzip_members_are_skipped() {
    let folder = Folder::new();
    let zeros = [0; 600_000];
    let cases: [(Vec<u8>, &str); 4] = [
        ([&gz(b"hello world\n")[..], &zeros[..512]].concat(), "hello world\n"),
        ([gz(b"a"), gz(b"b"), gz(b""), gz(b"c")].concat(), "abc"),
        ([&gz(b"a")[..], &zeros, &gz(b"b"), &zeros[..1]].concat(), "ab"),
        ([&gz(b"a")[..], &zeros[..3]].concat(), "a"),
    ];
    for (data, text) in cases {
        let path = folder.write("a.txt.gz", data);
        assert_eq!(read(&path, options()).unwrap(), [text]);
    }
    for rest in [&b"garbage of some length"[..], b"\0\0x", b"\x1f\x8b"] {
        let path = folder.write("a.txt.gz", [&gz(b"hello"), rest].concat());
        let text = message(&path, options());
        assert!(text.contains("gzip data after 5 bytes of text"), "{text}");
    }
}

#[test]
fn large_windows_use_the_memory_of_the_job() {
    let folder = Folder::new();
    let mut writer = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    writer.set_parameter(zstd::zstd_safe::CParameter::WindowLog(28)).unwrap();
    writer.write_all(b"to be or not to be").unwrap();
    let path = folder.write("a.txt.zst", writer.finish().unwrap());
    let corpus = Corpus::discover(&[path], options()).unwrap();
    for (memory, fits) in [(1 << 29, true), ((1 << 29) - 1, false)] {
        let job = Job::default();
        job.limit_memory(memory);
        match corpus.read(2, &job, || Count { panics: false }) {
            Ok(counts) => assert_eq!((counts.bytes, fits), (18, true)),
            Err(error) => {
                let wanted = "zstd data with a window of 256 MiB, which may take half of the memory; give `memory=\"512MiB\"`,";
                assert!(!fits && error.to_string().contains(wanted), "{error}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_that_is_kept_can_be_read_again() {
    let folder = Folder::new();
    let path = folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let corpus = Corpus::discover(std::slice::from_ref(&path), split(Split::Line)).unwrap();
    assert!(corpus.reads_stdin());
    let corpus = corpus.kept().unwrap();
    assert!(!corpus.reads_stdin());
    let text = noise(3 << 20);
    let writer = std::thread::spawn({
        let text = text.clone();
        move || std::fs::write(path, text).unwrap()
    });
    let first = corpus.read(2, &Job::default(), || Count { panics: false }).unwrap();
    writer.join().unwrap();
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    assert_eq!(first.documents, lines.count() as u64);
    assert_eq!(corpus.read(1, &Job::default(), || Count { panics: false }).unwrap(), first);
}

#[cfg(unix)]
#[test]
fn waiting_for_the_writer_of_a_pipe_can_be_stopped() {
    let folder = Folder::new();
    let path = folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let corpus = Corpus::discover(&[path], options()).unwrap();
    let job = Job::default();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| corpus.read(1, &job, || Count { panics: false }));
        std::thread::sleep(std::time::Duration::from_millis(100));
        job.stop();
        assert!(matches!(reader.join().unwrap(), Err(elastic_core::Error::Interrupted)));
    });
}
