//! An `.ec` file with arbitrary bytes decodes to a text or to an error.

#![no_main]

use std::path::Path;

use elastic_core::Job;
use elastic_core::compress::{StaticCodec, compress, decoder, decompress};
use libfuzzer_sys::fuzz_target;

fn read(file: &[u8]) {
    let job = Job::default();
    let mut text = Vec::new();
    let open = |what: &_| decoder(what, None, 1, &job);
    let _ = decompress((file, Path::new("file")), (&mut text, Path::new("text")), open, &job);
}

/// A small valid file to be partly overwritten.
fn good() -> Vec<u8> {
    let mut file = Vec::new();
    let mut codec = StaticCodec::new(2, 1).unwrap();
    let (from, to) = (Path::new("text"), Path::new("file"));
    compress((&b"to be or not to be"[..], from), (&mut file, to), &mut codec, &Job::default())
        .unwrap();
    file
}

fuzz_target!(|data: &[u8]| {
    read(data);
    read(&[b"\xECec\x01", data].concat());
    let [at, data @ ..] = data else { return };
    let mut file = good();
    let at = usize::from(*at) % file.len();
    file.splice(at..(at + data.len()).min(file.len()), data.iter().copied());
    read(&file);
});
