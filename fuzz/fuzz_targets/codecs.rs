//! A block with arbitrary contents and valid checks decodes to bytes or to an error.

#![no_main]

use std::cell::RefCell;

use elastic_core::Job;
use elastic_core::code::CategoricalDecoder;
use elastic_core::compress::{Codec, StaticCodec, TreeCodec, split_streams};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static TREE: RefCell<TreeCodec> = RefCell::new(TreeCodec::new(3, 16 << 20).unwrap());
}

fuzz_target!(|data: &[u8]| {
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
});
