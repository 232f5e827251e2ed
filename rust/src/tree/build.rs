//! Builds the tree of a corpus, or of documents given as symbols.

use super::batch::{Batch, Segments, Symbol};
use super::builder::{BuildOptions, Builder, SortedRuns, split_open};
use super::feeder::Feeder;
use super::shape::{Segment, Shape, Volume};
use super::token_tree::TokenTree;
use crate::corpus::Corpus;
use crate::tokens::Alphabet;
use crate::{Error, Job, Phase, Result};

/// A document is split between batches only if at least this many of its symbols fit.
const MIN_SPLIT: usize = 1 << 16;

/// Builds the tree of a corpus.
pub fn build(
    corpus: &Corpus,
    alphabet: &Alphabet,
    options: BuildOptions,
    job: &Job,
) -> Result<TokenTree> {
    let shape =
        Shape::new(options.depth, options.segment, &alphabet.identity(), alphabet.vocabulary())?;
    options.check()?;
    match alphabet {
        Alphabet::Bit | Alphabet::Byte => read::<u8>(corpus, alphabet, shape, options, job),
        Alphabet::Bpe(bpe) if bpe.vocabulary() <= 1 << 16 => {
            read::<u16>(corpus, alphabet, shape, options, job)
        }
        Alphabet::Bpe(_) => read::<u32>(corpus, alphabet, shape, options, job),
    }
}

fn read<T: Symbol>(
    corpus: &Corpus,
    alphabet: &Alphabet,
    shape: Shape,
    mut options: BuildOptions,
    job: &Job,
) -> Result<TokenTree> {
    job.limit_memory(options.memory);
    if corpus.has_large_windows()? {
        // The other half is for the windows.
        options.memory /= 2;
    }
    let builder = Builder::<T>::new(shape, options, job)?;
    let counts = corpus.read(options.threads, job, || Feeder::new(&builder, alphabet))?;
    builder.finish(Volume {
        documents: counts.documents,
        bytes: counts.bytes,
        bad_rows: counts.bad_rows,
        ..Volume::default()
    })
}

/// Builds the tree of documents given as symbols: document i is `ids[offsets[i]..offsets[i + 1]]`.
///
/// The ids are read in place. The size of the raw text is unknown and recorded as 0.
pub fn from_symbols<T: Symbol>(
    ids: &[T],
    offsets: &[u64],
    vocabulary: u32,
    options: BuildOptions,
    job: &Job,
) -> Result<TokenTree> {
    let shape = Shape::new(options.depth, options.segment, "ids", vocabulary)?;
    options.check()?;
    let wrong = |what: String| Err(Error::InvalidArgument(what));
    if offsets.len() < 2 || offsets[0] != 0 || offsets[offsets.len() - 1] != ids.len() as u64 {
        return wrong(format!(
            "offsets must run from 0 to {}, the number of ids, and have one entry more than documents",
            ids.len()
        ));
    }
    if let Some(at) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        return wrong(format!(
            "offsets must not decrease, but number {} is less than the one before",
            at + 1
        ));
    }
    if let Some(at) = ids.iter().position(|&id| id.into() >= vocabulary) {
        let id: u32 = ids[at].into();
        return wrong(format!(
            "id {id} at position {at} is outside the vocabulary of {vocabulary}: pass a larger one"
        ));
    }
    job.start(Phase::Read, ids.len() as u64);
    let mut sorted = SortedRuns::new(shape.clone(), options)?;
    let mut segments = Segments::default();
    let mut begun = 0;
    for document in offsets.windows(2) {
        let (mut at, end) = (document[0] as usize, document[1] as usize);
        job.check()?;
        loop {
            let room = segments.room(&shape, options.memory);
            if end - at <= room {
                segments.cut(&shape, &ids[at..end], true);
                break;
            }
            if segments.count == 0 || room >= MIN_SPLIT {
                // The document does not fit: cut off as much of it as fits.
                let part = room.max(16 * shape.depth()).min(end - at);
                let (used, kept) = split_open(&shape, part);
                segments.cut(&shape, &ids[at..at + used], false);
                at = if shape.segment == Segment::Prefix { end } else { at + used - kept };
            }
            let full = std::mem::take(&mut segments);
            sorted.add(&Batch { text: &ids[begun..begun + full.symbols], segments: &full }, job)?;
            begun = at;
            if shape.segment == Segment::Prefix && at == end {
                break;
            }
        }
        job.add(document[1] - document[0]);
    }
    let last = Batch { text: &ids[begun..begun + segments.symbols], segments: &segments };
    let (leaves, segments) = sorted.finish(&last, job)?;
    let volume = Volume {
        documents: offsets.len() as u64 - 1,
        symbols: ids.len() as u64,
        segments,
        ..Volume::default()
    };
    Ok(TokenTree::new(shape, volume, leaves))
}
