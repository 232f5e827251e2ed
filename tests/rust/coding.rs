//! Lossless coding: files decode, have the predicted size, and all damage is detected.

use std::path::Path;

use elastic_core::compress::{
    Codec, Coding, StaticCodec, TreeCodec, compress, decoder, decompress,
};
use elastic_core::model::TreeModel;
use elastic_core::statistics::Statistics;
use elastic_core::tree::{BuildOptions, Segment, from_symbols};
use elastic_core::{Error, Job, Result, thread_pool};
use proptest::prelude::*;

const MEMORY: u64 = 16 << 20;

fn coded(text: &[u8], codec: &mut dyn Codec) -> (Vec<u8>, Coding) {
    let mut file = Vec::new();
    let (from, to) = (Path::new("text"), Path::new("file.ec"));
    let coding = compress((text, from), (&mut file, to), codec, &Job::default()).unwrap();
    assert_eq!(coding.raw_bytes, text.len() as u64);
    assert_eq!(coding.coded_bytes, file.len() as u64);
    (file, coding)
}

fn decoded(file: &[u8]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let (from, to) = (Path::new("file.ec"), Path::new("text"));
    decompress(
        (file, from),
        (&mut text, to),
        |what| decoder(what, None, 2, &Job::default()),
        &Job::default(),
    )?;
    Ok(text)
}

fn codecs() -> Vec<Box<dyn Codec>> {
    vec![
        Box::new(TreeCodec::new(4, MEMORY).unwrap()),
        Box::new(StaticCodec::new(1, 1).unwrap()),
        Box::new(StaticCodec::new(3, 1).unwrap()),
    ]
}

fn text(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let words = ["to ", "be ", "or ", "not ", "that ", "is ", "the ", "question\n"];
    let mut text = Vec::new();
    while text.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(words[(state >> 29) as usize].as_bytes());
    }
    text.truncate(len);
    text
}

fn corner_cases() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![7],
        (0..=255).collect(),
        vec![0; 1_000_000],
        b"not \xff\xfe UTF-8 \xc3".to_vec(),
        text(3 << 20),
    ]
}

#[test]
fn files_have_the_predicted_size_and_decode() {
    for text in corner_cases() {
        for mut codec in codecs() {
            let (file, coding) = coded(&text, &mut *codec);
            let predicted = coding.predicted_bits / 8.0;
            let off = (file.len() as f64 - predicted).abs();
            assert!(off <= 64.0 + 0.001 * predicted, "{} instead of {predicted}", file.len());
            assert!(decoded(&file).unwrap() == text);
        }
    }
}

#[test]
fn a_tree_model_predicts_the_code_length_of_update() {
    for text in corner_cases() {
        let (_, coding) = coded(&text, &mut TreeCodec::new(6, MEMORY).unwrap());
        let mut model = TreeModel::new(6, 256, MEMORY).unwrap();
        let bits = model.update(&[&text[..]], 1.0, &Job::default()).unwrap();
        assert!((coding.predicted_bits - bits[0]).abs() <= 1e-6 * bits[0]);
    }
}

#[test]
fn the_static_codec_predicts_the_static_rate() {
    let text = text(100_000);
    let (_, coding) = coded(&text, &mut StaticCodec::new(3, 1).unwrap());
    let options = BuildOptions { depth: 3, segment: Segment::Chunk, memory: MEMORY, threads: 1 };
    let tree = from_symbols(&text, &[0, text.len() as u64], 256, options, &Job::default()).unwrap();
    let measured = Statistics::of(&tree, &Job::default()).unwrap();
    let bits = measured.segments as f64 * measured.depths[2].huffman_bits;
    let codebook = 8.0 * measured.codebook_bytes.unwrap() as f64;
    assert!((coding.predicted_bits - bits - codebook).abs() < 1e-3);
}

#[test]
fn the_file_does_not_depend_on_threads() {
    let text = text(40 << 20);
    let one = coded(&text, &mut StaticCodec::new(2, 1).unwrap()).0;
    let pool = thread_pool(3).unwrap();
    let three = pool.install(|| coded(&text, &mut StaticCodec::new(2, 3).unwrap()).0);
    assert!(one == three);
    assert!(pool.install(|| decoded(&three)).unwrap() == text);
}

#[test]
fn every_flipped_bit_is_detected() {
    for mut codec in codecs() {
        let (file, _) = coded(&text(300), &mut *codec);
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << bit;
                let error = decoded(&damaged).expect_err("a flipped bit was not detected");
                assert!(matches!(error, Error::CodedFile { .. }), "{error}");
            }
        }
    }
}

#[test]
fn truncation_and_extra_data_are_detected() {
    for mut codec in codecs() {
        let (file, _) = coded(&text(300), &mut *codec);
        for len in 0..file.len() {
            let error = decoded(&file[..len]).expect_err("a truncation was not detected");
            assert!(matches!(error, Error::CodedFile { .. }), "{error}");
        }
        let error = decoded(&[&file[..], b"\n"].concat()).unwrap_err().to_string();
        assert!(error.contains("extra data after its end"), "{error}");
    }
}

#[test]
fn a_damaged_block_is_named() {
    let (mut file, _) = coded(&text(40 << 20), &mut StaticCodec::new(1, 1).unwrap());
    let at = file.len() - 100;
    file[at] ^= 1;
    let error = decoded(&file).unwrap_err().to_string();
    assert!(error.starts_with("file.ec: block 3 is damaged"), "{error}");
    file.truncate(at);
    let error = decoded(&file).unwrap_err().to_string();
    assert!(error.starts_with("file.ec: it ends early, in block 3"), "{error}");
}

#[test]
fn other_files_are_rejected() {
    for (file, words) in [
        (&b""[..], "not a file written by elastic-core compress"),
        (b"PAR1 is another format", "not a file written by elastic-core compress"),
        (b"\xECec\x02", "format version 2"),
    ] {
        let error = decoded(file).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn decoding_inverts_encoding(text in prop::collection::vec(any::<u8>(), 0..3000)) {
        for mut codec in codecs() {
            prop_assert!(decoded(&coded(&text, &mut *codec).0).unwrap() == text);
        }
    }

    #[test]
    fn arbitrary_bytes_are_handled(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decoded(&[b"\xECec\x01", &bytes[..]].concat()).is_err());
    }
}
