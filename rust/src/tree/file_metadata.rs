//! The key-value metadata of a tree file: the shape, the volume, and a digest of the whole tree.
//!
//! Files of earlier versions have no digest.

use std::path::Path;

use parquet::file::metadata::KeyValue;
use xxhash_rust::xxh3::Xxh3Default;

use super::shape::{Segment, Shape, Volume};
use crate::{Error, Result};

const SCHEMA: &str = "elastic-core/tree/1";
const PREFIX: &str = "elastic_core.";
const DIGEST: &str = "digest";
/// The keys that are the same in all files of a version.
const FIXED: [&str; 2] = ["schema", "version"];
/// The key that the parquet crate and pyarrow add.
const ARROW_SCHEMA: &str = "ARROW:schema";

#[cfg(target_endian = "big")]
compile_error!("counts are hashed as stored in memory, which must be little-endian");

/// An [`Error::TreeFile`] that tells how to replace the file.
pub(super) fn damaged(path: &Path, reason: &str) -> Error {
    Error::TreeFile {
        path: path.to_path_buf(),
        reason: format!("{reason}; rebuild it with elastic-core tree build"),
    }
}

/// Everything that a tree consists of besides its leaves, as keys and values.
fn description(shape: &Shape, volume: &Volume) -> [(&'static str, String); 9] {
    let Volume { documents, bytes, symbols, bad_rows, segments } = volume;
    [
        ("depth", shape.depth().to_string()),
        ("segment", shape.segment.name().to_string()),
        ("alphabet", shape.alphabet.clone()),
        ("vocabulary", shape.vocabulary().to_string()),
        ("documents", documents.to_string()),
        ("bytes", bytes.to_string()),
        ("symbols", symbols.to_string()),
        ("bad_rows", bad_rows.to_string()),
        ("segments", segments.to_string()),
    ]
}

fn entry(key: &str, value: String) -> KeyValue {
    KeyValue::new(format!("{PREFIX}{key}"), value)
}

/// The metadata of a tree, without its digest.
pub(super) fn entries(shape: &Shape, volume: &Volume) -> Vec<KeyValue> {
    let fixed = [SCHEMA, env!("CARGO_PKG_VERSION")].map(str::to_string);
    let all = FIXED.into_iter().zip(fixed).chain(description(shape, volume));
    all.map(|(key, value)| entry(key, value)).collect()
}

/// A digest of a tree: 128-bit XXH3. It takes less than 1% of the time of opening a tree of 6
/// million leaves; SHA-256 would add about 10%.
pub(super) struct TreeDigest {
    rows: Xxh3Default,
    counts: Xxh3Default,
}

impl TreeDigest {
    pub(super) fn new() -> TreeDigest {
        TreeDigest { rows: Xxh3Default::new(), counts: Xxh3Default::new() }
    }

    /// Adds leaves: their rows, one after another, and their counts.
    pub(super) fn update(&mut self, rows: &[u8], counts: &[u64]) {
        self.rows.update(rows);
        self.counts.update(bytemuck::cast_slice(counts));
    }

    /// The digest of a tree with the leaves added.
    pub(super) fn finish(&self, shape: &Shape, volume: &Volume) -> String {
        let mut all = Xxh3Default::new();
        for (key, value) in description(shape, volume) {
            all.update(format!("{key}={value}\n").as_bytes());
        }
        for part in [&self.rows, &self.counts] {
            all.update(&part.digest128().to_le_bytes());
        }
        format!("xxh3-128:{:032x}", all.digest128())
    }

    /// [`TreeDigest::finish`] as an entry of the metadata.
    pub(super) fn entry(&self, shape: &Shape, volume: &Volume) -> KeyValue {
        entry(DIGEST, self.finish(shape, volume))
    }
}

/// The key-value metadata of a tree file.
pub(super) struct Metadata<'a> {
    pub path: &'a Path,
    pub pairs: Option<&'a Vec<KeyValue>>,
}

impl Metadata<'_> {
    /// Whether the file claims to be a token tree.
    pub(super) fn is_tree(&self) -> bool {
        self.text("schema").is_ok()
    }

    /// The shape, the volume and the digest, if the file has one.
    pub(super) fn read(&self) -> Result<(Shape, Volume, Option<String>)> {
        let schema = self.text("schema")?;
        if schema != SCHEMA {
            return Err(damaged(
                self.path,
                &format!("its format is {schema}, but this version reads {SCHEMA}"),
            ));
        }
        let wrong = |error: Error| damaged(self.path, &error.to_string());
        let segment = Segment::parse(self.text("segment")?).map_err(wrong)?;
        let (depth, vocabulary) = (self.number("depth")?, self.number("vocabulary")?);
        let shape =
            Shape::new(depth, segment, self.text("alphabet")?, vocabulary).map_err(wrong)?;
        shape.check_alphabet().map_err(wrong)?;
        let volume = Volume {
            documents: self.number("documents")?,
            bytes: self.number("bytes")?,
            symbols: self.number("symbols")?,
            bad_rows: self.number("bad_rows")?,
            segments: self.number("segments")?,
        };
        volume.check(&shape).map_err(wrong)?;
        let digest = self.find(DIGEST).map(str::to_string);
        if digest.is_none() && !self.is_of_earlier_version(&shape, &volume) {
            return Err(damaged(self.path, "its digest is missing"));
        }
        Ok((shape, volume, digest))
    }

    /// Whether all keys are those of the versions that wrote no digest.
    fn is_of_earlier_version(&self, shape: &Shape, volume: &Volume) -> bool {
        let described = description(shape, volume).map(|(key, _)| key);
        let is_known = |pair: &KeyValue| match pair.key.strip_prefix(PREFIX) {
            Some(key) => FIXED.contains(&key) || described.contains(&key),
            None => pair.key == ARROW_SCHEMA,
        };
        self.pairs.is_none_or(|pairs| pairs.iter().all(is_known))
    }

    fn find(&self, key: &str) -> Option<&str> {
        let named = |pair: &&KeyValue| pair.key.strip_prefix(PREFIX) == Some(key);
        self.pairs?.iter().find(named)?.value.as_deref()
    }

    fn text(&self, key: &str) -> Result<&str> {
        self.find(key).ok_or_else(|| {
            damaged(self.path, &format!("not a token tree: it has no {PREFIX}{key}"))
        })
    }

    fn number<N: std::str::FromStr>(&self, key: &str) -> Result<N> {
        self.text(key)?
            .parse()
            .map_err(|_| damaged(self.path, &format!("its {PREFIX}{key} is not a number")))
    }
}
