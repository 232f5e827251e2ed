//! `.ec` files.

use std::cell::RefCell;
use std::path::Path;

use elastic_core::Job;
use elastic_core::code::CategoricalDecoder;
use elastic_core::compress::{
    Codec, StaticCodec, TreeCodec, compress, decoder, decompress, split_streams,
};

use super::overwrite;

thread_local! {
    static TREE: RefCell<TreeCodec> = RefCell::new(TreeCodec::new(3, 16 << 20).unwrap());
}

/// An `.ec` file with arbitrary bytes decodes to a text or to an error.
pub fn container(data: &[u8]) {
    read(data);
    read(&[b"\xECec\x01", data].concat());
    if let [at, data @ ..] = data {
        read(&overwrite(&good(), usize::from(*at), data));
    }
}

fn read(file: &[u8]) {
    let job = Job::default();
    let mut text = Vec::new();
    let open = |what: &_| decoder(what, None, 1, &job);
    let _ = decompress((file, Path::new("file")), (&mut text, Path::new("text")), open, &job);
}

/// A small valid file.
fn good() -> Vec<u8> {
    let mut file = Vec::new();
    let mut codec = StaticCodec::new(2, 1).unwrap();
    let (from, to) = (Path::new("text"), Path::new("file"));
    let text = &b"to be or not to be"[..];
    compress((text, from), (&mut file, to), &mut codec, &Job::default()).unwrap();
    file
}

/// A block with arbitrary contents and valid checks decodes to bytes or to an error.
pub fn codecs(data: &[u8]) {
    let [depth, method, short, long, coded @ ..] = data else { return };
    let raw_len = usize::from(u16::from_le_bytes([*short, *long]));
    let job = Job::default();
    let mut codec = StaticCodec::new(1 + usize::from(*depth) % 64, 1).unwrap();
    let _ = codec.decode(*method, coded, raw_len, &job);
    let _ = TREE.with_borrow_mut(|tree| tree.decode(*method, coded, raw_len % 512, &job));
    let _ = split_streams(coded, raw_len);
    let mut decoder = CategoricalDecoder::new(coded);
    for row in [&[0.5, 0.25, 0.25][..], &[1.0], &[0.001; 1000]] {
        let _ = decoder.decode(row);
    }
}
