//! Tokenizer files.

use elastic_core::tokens::Bpe;
use elastic_core::{Error, Job};

use super::{folder, overwrite};

/// Texts that tokenizers treat in different ways.
const TEXTS: [&str; 4] =
    ["", "to be or not to be", " aaaa\t\n\u{e9}\u{301} \u{4e2d}\u{1f600}", "[UNK]<s>0"];

/// A tokenizer with a part of everything.
const GOOD: &str = r#"{"version":"1.0","added_tokens":[{"id":7,"content":"<s>","special":true,
"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}],"normalizer":{"type":
"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":" +"},"content":
"_"},{"type":"Prepend","prepend":"_"}]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{
"type":"Split","pattern":{"Regex":"\\w+|\\s"},"behavior":"Isolated","invert":false},{"type":
"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]},"post_processor":
null,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{"t":0,"o":1,"b":2,"e":3,
"to":4,"be":5,"_":6},"merges":["t o","b e"]}}"#;

/// A tokenizer with arbitrary bytes is refused, or gives ids of its vocabulary.
pub fn tokenizer(data: &[u8]) {
    let [mode, at, high, data @ ..] = data else { return };
    let at = usize::from(u16::from_le_bytes([*at, *high]));
    let json = match mode % 3 {
        0 => data.to_vec(),
        1 => overwrite(GOOD.as_bytes(), at, data),
        _ => {
            let at = at % (GOOD.len() + 1);
            [&GOOD.as_bytes()[..at], data, &GOOD.as_bytes()[at..]].concat()
        }
    };
    let tokenizer = match Bpe::open(&folder::file("tokenizer.json", &json)) {
        Ok(tokenizer) => tokenizer,
        Err(Error::Tokenizer { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    for text in TEXTS {
        if let Ok(ids) = tokenizer.encode(text.as_bytes(), &Job::default()) {
            assert!(ids.iter().all(|&id| id < tokenizer.vocabulary()));
            let _ = tokenizer.decode(&ids);
        }
    }
}
