//! Coding with a tree model, which learns the text while coding it.
//!
//! The text is one document, with EOS after its last byte. The model continues from block to block,
//! while the range coder is flushed at the end of each. The predicted size is the code length that
//! [`TreeModel::update`] returns for the text.

use super::codec::{Codec, Coded, Description};
use crate::code::{BitCoder, BitDecoder, BitEncoder, Cost};
use crate::model::TreeModel;
use crate::{Error, Job, Result, available_memory};

/// Block method: more text follows.
const MORE: u8 = 1;
/// Block method: the text ends here, with EOS.
const LAST: u8 = 2;
/// Incremented whenever the tree model's predictions change, so that older files are rejected.
const REVISION: u64 = 1;
/// Number of bytes between two checks whether to stop.
const CHUNK: usize = 1 << 16;
/// Number of symbols.
const BYTES: u32 = 256;

/// Codes blocks with a tree model.
pub struct TreeCodec {
    model: TreeModel,
    description: Description,
}

impl TreeCodec {
    /// A codec with an untrained model; the arguments are those of [`TreeModel::new`].
    pub fn new(depth: usize, memory: u64) -> Result<TreeCodec> {
        let mut model = TreeModel::new(depth, BYTES, memory)?;
        model.begin();
        let description = Description::Tree { depth: depth as u64, memory, revision: REVISION };
        Ok(TreeCodec { model, description })
    }

    /// A codec with a saved model of bytes; `identity` is its file's SHA-256 in hexadecimal.
    pub(super) fn resume(mut model: TreeModel, identity: &str) -> TreeCodec {
        model.begin();
        let identity = u128::from_str_radix(&identity[..32], 16).unwrap_or_default().to_be_bytes();
        let description = Description::SavedTree { identity, revision: REVISION };
        TreeCodec { model, description }
    }

    /// The codec for a description with these numbers.
    pub(super) fn open(depth: usize, memory: u64, revision: u64) -> Result<TreeCodec> {
        if revision != REVISION {
            return Err(Error::Code(format!(
                "it was coded by revision {revision} of the tree model, but this version has revision \
                 {REVISION}; use the elastic-core version that wrote it"
            )));
        }
        if memory > available_memory() {
            return Err(Error::Code(format!(
                "decoding it takes {memory} bytes of memory, like encoding, but less is available"
            )));
        }
        TreeCodec::new(depth, memory)
    }
}

/// Encodes decisions and adds up their cost.
#[derive(Default)]
struct CostedEncoder {
    encoder: BitEncoder,
    cost: Cost,
}

impl BitCoder for CostedEncoder {
    #[inline]
    fn code(&mut self, bit: bool, p1: u32) -> bool {
        self.encoder.code(bit, p1);
        self.cost.code(bit, p1)
    }
}

impl Codec for TreeCodec {
    fn description(&self) -> Description {
        self.description.clone()
    }

    fn encode(&mut self, raw: &[u8], last: bool, job: &Job) -> Result<Coded> {
        let mut coder = CostedEncoder::default();
        for chunk in raw.chunks(CHUNK) {
            job.check()?;
            self.model.code_all(chunk.iter().map(|&byte| byte.into()), &mut coder);
            job.add(chunk.len() as u64);
        }
        if last {
            self.model.code(BYTES, &mut coder);
        }
        let method = if last { LAST } else { MORE };
        let bytes = coder.encoder.finish()?;
        Ok(Coded { method, bytes, predicted_bits: coder.cost.bits() })
    }

    fn decode(&mut self, method: u8, coded: &[u8], raw_len: usize, job: &Job) -> Result<Vec<u8>> {
        let mut coder = BitDecoder::new(coded);
        let mut raw = Vec::with_capacity(raw_len);
        while raw.len() < raw_len {
            job.check()?;
            let chunk = CHUNK.min(raw_len - raw.len());
            raw.extend((0..chunk).map(|_| self.model.code(0, &mut coder) as u8));
            job.add(chunk as u64);
        }
        if method == LAST {
            self.model.code(BYTES, &mut coder);
        }
        coder.finish()?;
        Ok(raw)
    }
}
