//! Plain text, split and compressed.

use elastic_core::corpus::{Corpus, Split};
use elastic_core::{Error, Job};

use crate::support::*;

#[test]
fn text_is_split_as_requested() {
    let folder = Folder::new();
    let text = "\n  one\r\ntwo \n\r\n \t\nthree\n\n\nfour\n  ";
    let path = folder.write("a.txt", text);
    assert_eq!(read(&path, split(Split::Document)).unwrap(), [text]);
    let lines = ["  one", "two ", " \t", "three", "four", "  "];
    assert_eq!(read(&path, split(Split::Line)).unwrap(), lines);
    let paragraphs = ["  one\r\ntwo ", "three", "four"];
    assert_eq!(read(&path, split(Split::Paragraph)).unwrap(), paragraphs);
}

#[test]
fn long_documents_are_streamed_in_parts() {
    let folder = Folder::new();
    let path = folder.write("zeros.txt.gz", gz(&vec![0; 50 << 20]));
    for way in [Split::Document, Split::Line, Split::Paragraph] {
        let corpus = Corpus::discover(std::slice::from_ref(&path), split(way)).unwrap();
        let counts = corpus.read(2, &Job::default(), || Count { panics: false }).unwrap();
        assert_eq!((counts.documents, counts.bytes), (1, 50 << 20));
    }
}

// Compression.

#[test]
fn compressed_files_read_like_plain_ones() {
    let folder = Folder::new();
    let [head, tail] = [&b"first\nsec"[..], b"ond\n"];
    for (ending, _, compress) in CODECS {
        let several = [compress(head), compress(b""), compress(tail)].concat();
        let path = folder.write(&format!("a.txt.{ending}"), several);
        assert_eq!(read(&path, split(Split::Line)).unwrap(), ["first", "second"], "{ending}");
        let rows = compress(jsonl(&["x".to_string(), "y".to_string()]).as_bytes());
        let path = folder.write(&format!("a.jsonl.{ending}"), rows);
        assert_eq!(read(&path, options()).unwrap(), ["x", "y"], "{ending}");
    }
}

#[test]
fn truncated_data_are_reported() {
    let folder = Folder::new();
    let text = noise(3 << 20);
    for (ending, name, compress) in CODECS {
        let packed = compress(&text);
        for keep in [packed.len() / 2, packed.len() - 3, 8] {
            let path = folder.write(&format!("a.txt.{ending}"), &packed[..keep]);
            for way in [Split::Document, Split::Line] {
                let text = message(&path, split(way));
                assert!(text.contains(&format!("truncated {name} data after ")), "{text}");
                assert!(text.ends_with("bytes of text; fetch the file again"), "{text}");
                assert!(text.starts_with(&path.display().to_string()), "{text}");
            }
        }
        let mut damaged = packed.clone();
        damaged[packed.len() / 2] ^= 0xff;
        damaged[packed.len() / 2 + 1] ^= 0xff;
        let path = folder.write(&format!("a.txt.{ending}"), damaged);
        assert!(matches!(read(&path, options()), Err(Error::Corpus { .. })), "{ending}");
    }
}

#[test]
fn uncompressed_data_are_reported() {
    let folder = Folder::new();
    for (ending, name, _) in CODECS {
        for data in ["", "plain text"] {
            let path = folder.write(&format!("a.txt.{ending}"), data);
            let text = message(&path, options());
            assert!(text.contains(&format!("not {name} data as its name implies")), "{text}");
        }
    }
    let path = folder.write("a.parquet.gz", gz(b"PAR1"));
    assert!(message(&path, options()).contains("must not be compressed as a whole"));
}
