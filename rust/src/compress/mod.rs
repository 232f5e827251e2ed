//! The `.ec` file: its container, the codecs that fill it, and whole files in and out.

mod codec;
mod container;
mod files;
mod registry;
mod static_codec;
mod streams;
mod tree_codec;

pub use codec::{Codec, Coded, Coding, Description, compress, decompress};
pub use files::{compress_file, decompress_file, describe_file};
pub use registry::{codec, decoder};
pub use static_codec::StaticCodec;
pub use streams::{join_streams, split_streams};
pub use tree_codec::TreeCodec;
