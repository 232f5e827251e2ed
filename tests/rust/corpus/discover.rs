//! The files that paths name, and arguments that are rejected before any is read.

use elastic_core::corpus::{Corpus, ReadOptions};
use elastic_core::{Error, Job};

use crate::support::*;

#[test]
fn a_folder_contributes_its_files() {
    let folder = Folder::new();
    for name in ["b.txt", "a/deep/z.md", "a/x.jsonl", ".hidden", ".git/config", "noending"] {
        folder.write(name, "text");
    }
    for name in ["picture.PNG", "a/module.pyc", "all.tar.gz", "w.safetensors"] {
        folder.write(name, "binary");
    }
    let root = folder.root();
    assert_eq!(
        names(std::slice::from_ref(&root), &root),
        ["a/deep/z.md", "a/x.jsonl", "b.txt", "noending"]
    );
}

#[test]
fn files_are_sorted_without_duplicates() {
    let folder = Folder::new();
    folder.write("b.txt", "bb");
    folder.write("a.txt", "a");
    let root = folder.root();
    let paths = [folder.path("b.txt"), root.clone(), folder.path("*.txt"), root.join("./a.txt")];
    assert_eq!(names(&paths, &root), ["a.txt", "b.txt"]);
    assert_eq!(Corpus::discover(&paths, options()).unwrap().size(), 3);
}

#[cfg(unix)]
#[test]
fn links_are_followed_without_a_loop() {
    let folder = Folder::new();
    folder.write("real/a.txt", "a");
    let outside = Folder::new();
    let target = outside.write("b.txt", "b");
    let root = folder.root();
    std::os::unix::fs::symlink(&root, folder.path("real/up")).unwrap();
    std::os::unix::fs::symlink(target, folder.path("real/linked.txt")).unwrap();
    assert_eq!(names(std::slice::from_ref(&root), &root), ["real/a.txt", "real/linked.txt"]);

    std::os::unix::fs::symlink("nowhere", folder.path("dangling.txt")).unwrap();
    assert!(matches!(Corpus::discover(&[root], options()), Err(Error::Io { .. })));
}

#[test]
fn globs_match_below_their_fixed_part() {
    let folder = Folder::new();
    for name in ["a1.txt", "a2.txt", "b.md", "d/a3.txt", "d/e/a4.txt", ".h/a5.txt", "[x].txt"] {
        folder.write(name, "text");
    }
    let root = folder.root();
    let matches = |pattern: &str| names(&[folder.path(pattern)], &root);
    assert_eq!(matches("a?.txt"), ["a1.txt", "a2.txt"]);
    assert_eq!(matches("a[2-9].txt"), ["a2.txt"]);
    assert_eq!(matches("{a1.txt,b.*}"), ["a1.txt", "b.md"]);
    assert_eq!(matches("**/a*.txt"), ["a1.txt", "a2.txt", "d/a3.txt", "d/e/a4.txt"]);
    assert_eq!(matches("*/*.txt"), ["d/a3.txt"]);
    assert_eq!(matches(".h/*"), [".h/a5.txt"]);
    // A matching folder is read as a folder; a file with exactly that name is not a glob.
    assert_eq!(matches("d*"), ["d/a3.txt", "d/e/a4.txt"]);
    assert_eq!(matches("[x].txt"), ["[x].txt"]);

    for pattern in ["*.nothing", "missing/*.txt"] {
        let error = Corpus::discover(&[folder.path(pattern)], options()).unwrap_err();
        assert!(error.to_string().ends_with("no file matches this pattern"), "{error}");
    }
    let unclosed = Corpus::discover(&[folder.path("a[1.txt")], options());
    assert!(matches!(unclosed, Err(Error::InvalidArgument(_))));
}

#[test]
fn a_missing_file_is_not_found() {
    let folder = Folder::new();
    match Corpus::discover(&[folder.path("missing.txt")], options()) {
        Err(Error::Io { path, source }) => {
            assert_eq!(path, folder.path("missing.txt"));
            assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn standard_input_is_one_file_of_unknown_size() {
    let corpus = Corpus::discover(&["-".into()], options()).unwrap();
    assert!(corpus.reads_stdin());
    assert_eq!((corpus.name.as_str(), corpus.size(), corpus.files().len()), ("-", 0, 1));
    let twice = Corpus::discover(&["-".into(), "-".into()], options());
    assert!(matches!(twice, Err(Error::InvalidArgument(_))));
}

#[test]
fn options_are_checked() {
    let bad = [
        ReadOptions { sample: Some(0.0), ..options() },
        ReadOptions { sample: Some(1.5), ..options() },
        ReadOptions { sample: Some(f64::NAN), ..options() },
        ReadOptions { limit: Some(0), ..options() },
        keys(&[]),
        keys(&[""]),
        keys(&["text", "a..b"]),
    ];
    for options in bad {
        let result = Corpus::discover(&["-".into()], options.clone());
        assert!(matches!(result, Err(Error::InvalidArgument(_))), "{options:?}");
    }
}

#[test]
fn no_documents_are_an_error() {
    let folder = Folder::new();
    folder.write("empty.txt", "");
    folder.write("empty.jsonl", "\n \n");
    folder.write("empty.txt.gz", gz(b""));
    for threads in [1, 4] {
        match read_on(threads, &[folder.root()], options()) {
            Err(Error::EmptyCorpus(name)) => assert_eq!(name, folder.root().display().to_string()),
            other => panic!("{other:?}"),
        }
    }
    let none = Corpus::discover(&[folder.root()], options()).unwrap();
    assert!(none.read(0, &Job::default(), || Count { panics: false }).is_err());
}
