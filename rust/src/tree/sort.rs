//! Sorts a batch of symbols into a leaf table.
//!
//! Every segment is written to the group of its first symbols, of which there are a few hundred: as
//! an integer if 64 bits distinguish it from the others in its group, otherwise as a row. Then each
//! group, which fits in cache, is sorted separately, and equal segments become one leaf with a
//! count, stored at the start of the group's memory.
//!
//! Alternatives tried (20.3 M ids of an 8 k BPE, window, depth 8; chunks of 77 MB of bytes):
//! - Sorting positions by comparing slices: every comparison misses the cache.
//! - Scattering positions to buckets by first symbol, then sorting packed keys bucket by bucket:
//!   2.3 and 0.6 CPU seconds, a third of them one cache miss per segment for reading the text at
//!   each position again. With fewer write positions, then groups, and lookups in blocks: 1.5 and
//!   0.54. The present version reads nothing twice: 1.1 and 0.31.
//! - Rows for all segments, no integers: 0.45 for the chunks, and twice the memory.
//! - A separate array of keys or positions: 4 to 16 bytes more per symbol.

use std::ops::Range;

use rayon::prelude::*;

use super::batch::{Batch, Span, Symbol};
use super::packing::{Packing, SPAN_BITS, pack, write_symbols};
use super::shape::Shape;
use super::table::{Counts, LeafTable};
use crate::{Job, Result};

/// Bits for symbols in a 128-bit element; the index of the row takes the other 32.
const KEY_BITS: u32 = 96;
/// Groups per thread, enough to balance uneven ones.
const GROUPS_PER_THREAD: usize = 8;
/// Segments per group in a large batch; their keys fit in the second-level cache.
const GROUP_SEGMENTS: usize = 1 << 16;
/// Maximum number of groups. With 512, the groups of 2 GB of text no longer fit in cache: 165 MB/s
/// instead of 246.
const MAX_GROUPS: usize = 4096;

/// The sorted leaf table of `batch`, on the threads of the current rayon pool.
///
/// Segments count as progress of `job`; fails only if the job is stopped.
pub(crate) fn sort<T: Symbol>(batch: &Batch<T>, shape: &Shape, job: &Job) -> Result<LeafTable> {
    let packing = Packing::new(shape, batch.segments.count);
    let parts = parts(batch);
    let histograms: Vec<Vec<u32>> =
        parts.par_iter().map(|part| part.histogram(batch, packing)).collect();
    let groups = groups(&histograms, packing);
    // Zero pages that are never written take no memory.
    let mut rows = vec![0u8; batch.segments.count * packing.row_len()];
    let mut counts = vec![0u32; batch.segments.count];
    scatter(batch, packing, &parts, &histograms, &groups, &mut rows);
    drop(histograms);
    let written: Vec<(usize, usize)> = tasks(groups, &mut rows, &mut counts, packing.row_len())
        .into_par_iter()
        .map(|task| {
            job.check()?;
            job.add(task.group.segments as u64);
            Ok((task.group.first_segment, task.run(packing)))
        })
        .collect::<Result<_>>()?;
    Ok(compact(written, counts, rows, packing.row_len()))
}

/// Neighboring buckets whose segments are sorted together, in cache if they are few.
#[derive(Debug, Clone)]
struct Group {
    first_bucket: usize,
    /// Number of segments in each bucket.
    sizes: Vec<u32>,
    first_segment: usize,
    segments: usize,
}

impl Group {
    fn buckets(&self) -> Range<usize> {
        self.first_bucket..self.first_bucket + self.sizes.len()
    }
}

/// Divides the buckets into groups of roughly equal numbers of segments.
fn groups(histograms: &[Vec<u32>], packing: Packing) -> Vec<Group> {
    let buckets = histograms.first().map_or(0, Vec::len);
    let size = |bucket: usize| histograms.iter().map(|histogram| histogram[bucket]).sum::<u32>();
    let sizes: Vec<u32> = (0..buckets).map(size).collect();
    let total: usize = sizes.iter().map(|&size| size as usize).sum();
    let share = (total / (GROUPS_PER_THREAD * rayon::current_num_threads()))
        .clamp(1, GROUP_SEGMENTS)
        .max(total / MAX_GROUPS);
    let span = if packing.packed() { 1 << SPAN_BITS } else { buckets };
    let mut groups = Vec::new();
    let (mut first_bucket, mut first_segment, mut segments) = (0, 0, 0);
    for (bucket, &size) in sizes.iter().enumerate() {
        segments += size as usize;
        let last = bucket + 1 - first_bucket == span || bucket + 1 == buckets;
        if segments >= share || last {
            if segments > 0 {
                let sizes = sizes[first_bucket..=bucket].to_vec();
                groups.push(Group { first_bucket, sizes, first_segment, segments });
            }
            first_bucket = bucket + 1;
            first_segment += segments;
            segments = 0;
        }
    }
    groups
}

/// Writes every segment to its group's part of `rows`.
fn scatter<T: Symbol>(
    batch: &Batch<T>,
    packing: Packing,
    parts: &[Part],
    histograms: &[Vec<u32>],
    groups: &[Group],
    mut rows: &mut [u8],
) {
    let mut group_of = vec![0u16; packing.buckets()];
    // Each part of the batch has its own slice of each group.
    let mut slices: Vec<Vec<&mut [u8]>> =
        parts.iter().map(|_| Vec::with_capacity(groups.len())).collect();
    for (index, group) in groups.iter().enumerate() {
        group_of[group.buckets()].fill(index as u16);
        let mut place =
            rows.split_off_mut(..group.segments * packing.row_len()).unwrap_or_default();
        for (slices, histogram) in slices.iter_mut().zip(histograms) {
            let segments: usize =
                histogram[group.buckets()].iter().map(|&size| size as usize).sum();
            let slice = place.split_off_mut(..segments * packing.stride());
            slices.push(slice.unwrap_or_default());
        }
    }
    parts.par_iter().zip(slices).for_each(|(part, slices)| {
        let scatter = Scatter { packing, groups, group_of: &group_of, slices };
        part.visit(batch, packing.depth, scatter);
    });
}

/// Receives each segment of a part.
trait Visit {
    /// One segment: d symbols, padded with EOS.
    fn segment<S: Symbol>(&mut self, symbols: &[S]);
}

/// Counts the segments of each bucket.
struct Histogram {
    packing: Packing,
    sizes: Vec<u32>,
}

impl Visit for &mut Histogram {
    #[inline]
    fn segment<S: Symbol>(&mut self, symbols: &[S]) {
        let bucket = self.packing.bucket(symbols.iter().map(|&symbol| symbol.into()));
        self.sizes[bucket] += 1;
    }
}

/// Writes each segment to the next position of its group.
struct Scatter<'a> {
    packing: Packing,
    groups: &'a [Group],
    group_of: &'a [u16],
    /// The unwritten rest of the part's slice of each group.
    slices: Vec<&'a mut [u8]>,
}

impl Visit for Scatter<'_> {
    #[inline]
    fn segment<S: Symbol>(&mut self, symbols: &[S]) {
        let packing = self.packing;
        let ids = symbols.iter().map(|&symbol| symbol.into());
        let bucket = packing.bucket(ids.clone());
        let group = usize::from(self.group_of[bucket]);
        let Some(place) = self.slices[group].split_off_mut(..packing.stride()) else { return };
        if packing.packed() {
            let rest: u64 = pack(ids.skip(packing.lead), packing.bits);
            let bucket = (bucket - self.groups[group].first_bucket) as u64;
            place.copy_from_slice(&(bucket << packing.rest_bits() | rest).to_ne_bytes());
        } else {
            write_symbols(ids, packing.width, place);
        }
    }
}

/// A share of a batch's segments.
struct Part<'a> {
    spans: Vec<Span>,
    tail_starts: &'a [u32],
}

impl Part<'_> {
    /// Passes every segment of the part to `visitor`.
    fn visit<T: Symbol>(&self, batch: &Batch<T>, depth: usize, mut visitor: impl Visit) {
        for span in &self.spans {
            for position in span.positions() {
                visitor.segment(&batch.text[position as usize..][..depth]);
            }
        }
        for &start in self.tail_starts {
            visitor.segment(&batch.segments.tails[start as usize..][..depth]);
        }
    }

    /// Number of its segments in each bucket.
    fn histogram<T: Symbol>(&self, batch: &Batch<T>, packing: Packing) -> Vec<u32> {
        let mut histogram = Histogram { packing, sizes: vec![0; packing.buckets()] };
        self.visit(batch, packing.depth, &mut histogram);
        histogram.sizes
    }
}

/// Divides the batch's segments into nearly equal parts, one per thread.
fn parts<'a, T: Symbol>(batch: &Batch<'a, T>) -> Vec<Part<'a>> {
    let threads = rayon::current_num_threads();
    let segments = batch.segments;
    let whole: usize = segments.spans.iter().map(|span| span.count as usize).sum();
    let share = whole.div_ceil(threads).max(1);
    let tail_share = segments.tail_starts.len().div_ceil(threads).max(1);
    let mut tails = segments.tail_starts.chunks(tail_share);
    let mut parts: Vec<Part> = Vec::with_capacity(threads);
    let mut room = 0;
    for &span in &segments.spans {
        let mut rest = span;
        while rest.count > 0 {
            if room == 0 {
                parts.push(Part { spans: Vec::new(), tail_starts: tails.next().unwrap_or(&[]) });
                room = share;
            }
            let taken = room.min(rest.count as usize) as u32;
            if let Some(part) = parts.last_mut() {
                part.spans.push(Span { count: taken, ..rest });
            }
            rest.first += taken * rest.step;
            rest.count -= taken;
            room -= taken as usize;
        }
    }
    parts.extend(tails.map(|tail_starts| Part { spans: Vec::new(), tail_starts }));
    parts
}

/// A group with its rows and space for its counts.
struct Task<'a> {
    group: Group,
    rows: &'a mut [u8],
    counts: &'a mut [u32],
}

/// Gives each group its rows and counts.
fn tasks<'a>(
    groups: Vec<Group>,
    mut rows: &'a mut [u8],
    mut counts: &'a mut [u32],
    row_len: usize,
) -> Vec<Task<'a>> {
    let task = |group: Group| {
        let rows = rows.split_off_mut(..group.segments * row_len).unwrap_or_default();
        let counts = counts.split_off_mut(..group.segments).unwrap_or_default();
        Task { group, rows, counts }
    };
    groups.into_iter().map(task).collect()
}

impl Task<'_> {
    /// Sorts the group, moves its distinct rows to the front, and returns how many there are.
    fn run(mut self, packing: Packing) -> usize {
        match packing.rest_bits() {
            _ if packing.packed() => self.sort_packed(packing),
            0..=128 => self.sort_rows(packing),
            _ => self.sort_long_rows(packing),
        }
    }

    /// Sorts segments that are stored as integers.
    fn sort_packed(&mut self, packing: Packing) -> usize {
        let packed = self.rows[..self.group.segments * packing.stride()].chunks_exact(8);
        let mut keys: Vec<u64> =
            packed.map(|key| u64::from_ne_bytes(key.try_into().unwrap_or_default())).collect();
        keys.sort_unstable();
        let (rest_bits, first_bucket) = (packing.rest_bits(), self.group.first_bucket);
        let mut out = Output { row_len: packing.row_len(), task: self, leaves: 0 };
        for equal in keys.chunk_by(|a, b| a == b) {
            let bucket = first_bucket + (equal[0] >> rest_bits) as usize;
            packing.unpack(bucket, equal[0], out.leaf(equal.len()));
        }
        out.leaves
    }

    /// Sorts rows whose symbols after the lead fit in one integer.
    fn sort_rows(&mut self, packing: Packing) -> usize {
        let rest = packing.lead * packing.width..;
        let (mut keys, buckets) = self.distribute(packing, |_, row| {
            pack::<u128>(packing.symbols(&row[rest.clone()]), packing.bits)
        });
        let mut out = Output { row_len: packing.row_len(), task: self, leaves: 0 };
        for (bucket, range) in buckets {
            let keys = &mut keys[range];
            keys.sort_unstable();
            for equal in keys.chunk_by(|a, b| a == b) {
                packing.unpack(bucket, equal[0], out.leaf(equal.len()));
            }
        }
        out.leaves
    }

    /// Sorts rows of any length through their indices.
    fn sort_long_rows(&mut self, packing: Packing) -> usize {
        let (mut elements, buckets) = self.distribute(packing, |index, _| index as u128);
        // The leaves overwrite the rows that they come from.
        let rows = self.rows.to_vec();
        let mut out = Output { row_len: packing.row_len(), task: self, leaves: 0 };
        for (_, range) in buckets {
            out.leaves_of(&rows, &mut elements[range], packing.lead, packing);
        }
        out.leaves
    }

    /// The results of `make` for each index and row, grouped by bucket, and the buckets' ranges.
    fn distribute<E: Copy + Default>(
        &self,
        packing: Packing,
        make: impl Fn(usize, &[u8]) -> E,
    ) -> (Vec<E>, Vec<(usize, Range<usize>)>) {
        let mut next = 0;
        let mut cursors: Vec<usize> = Vec::with_capacity(self.group.sizes.len());
        let mut buckets = Vec::new();
        for (bucket, &size) in self.group.buckets().zip(&self.group.sizes) {
            cursors.push(next);
            if size > 0 {
                buckets.push((bucket, next..next + size as usize));
            }
            next += size as usize;
        }
        let mut elements = vec![E::default(); next];
        for (index, row) in self.rows.chunks_exact(packing.row_len()).enumerate() {
            let bucket = packing.bucket(packing.symbols(row));
            let cursor = &mut cursors[bucket - self.group.first_bucket];
            elements[*cursor] = make(index, row);
            *cursor += 1;
        }
        (elements, buckets)
    }
}

/// Writes a task's leaves over its own rows, from the front.
struct Output<'a, 'b> {
    row_len: usize,
    task: &'a mut Task<'b>,
    leaves: usize,
}

impl Output<'_, '_> {
    /// Adds a leaf of `count` segments and returns the space for its row.
    #[inline]
    fn leaf(&mut self, count: usize) -> &mut [u8] {
        self.task.counts[self.leaves] = count as u32;
        let row = &mut self.task.rows[self.leaves * self.row_len..][..self.row_len];
        self.leaves += 1;
        row
    }

    /// Writes the leaves of `elements`, indices of `rows` that agree before symbol `from`.
    ///
    /// Each element holds the next symbols in its upper bits and its index in the lower ones; only
    /// elements that still agree are compared by later symbols.
    fn leaves_of(&mut self, rows: &[u8], elements: &mut [u128], from: usize, packing: Packing) {
        let row_of =
            |element: u128| &rows[element as u32 as usize * self.row_len..][..self.row_len];
        let len = ((KEY_BITS / packing.bits) as usize).min(packing.depth - from);
        let next = from * packing.width..(from + len) * packing.width;
        for element in elements.iter_mut() {
            let symbols = packing.symbols(&row_of(*element)[next.clone()]);
            let key: u128 = pack(symbols, packing.bits);
            *element = key << 32 | u128::from(*element as u32);
        }
        elements.sort_unstable();
        for equal in elements.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
            if equal.len() == 1 || from + len == packing.depth {
                let row = &rows[equal[0] as u32 as usize * self.row_len..][..self.row_len];
                self.leaf(equal.len()).copy_from_slice(row);
            } else {
                self.leaves_of(rows, equal, from + len, packing);
            }
        }
    }
}

/// Moves the leaves of all tasks together to the front.
fn compact(
    written: Vec<(usize, usize)>,
    mut counts: Vec<u32>,
    mut rows: Vec<u8>,
    row_len: usize,
) -> LeafTable {
    let mut len = 0;
    for (first, leaves) in written {
        counts.copy_within(first..first + leaves, len);
        rows.copy_within(first * row_len..(first + leaves) * row_len, len * row_len);
        len += leaves;
    }
    counts.truncate(len);
    counts.shrink_to_fit();
    rows.truncate(len * row_len);
    rows.shrink_to_fit();
    LeafTable { row_len, rows, counts: Counts::Narrow(counts), len }
}
