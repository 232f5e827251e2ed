//! The leaves of a tree, in memory or, if they do not fit, on disk.

use rayon::prelude::*;

use super::disk_run::{Run, RunWriter};
use super::stream::{LeafStream, Merge};
use super::table::LeafTable;
use crate::{Job, Result};

/// Number of leaves between two checks whether to stop.
pub(super) const CHECK_EVERY: u64 = 1 << 16;

/// A boxed stream that can be sent between threads.
pub(crate) type Stream<'a> = Box<dyn LeafStream + Send + 'a>;

/// Sorted, distinct leaves.
#[derive(Debug, Clone)]
pub(crate) enum Leaves {
    Table(LeafTable),
    Run(Run),
}

/// A range of rows: from the first bound up to but excluding the second.
type Bounds = (Vec<u8>, Option<Vec<u8>>);

impl Leaves {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Leaves::Table(table) => table.len as u64,
            Leaves::Run(run) => run.len(),
        }
    }

    /// The leaves from `from` up to but excluding `to`; a bound is the beginning of a row.
    pub(crate) fn range(&self, from: &[u8], to: Option<&[u8]>) -> Stream<'_> {
        match self {
            Leaves::Table(table) => Box::new(table.range(from, to)),
            Leaves::Run(run) => Box::new(run.range(from, to)),
        }
    }

    /// All leaves.
    pub(crate) fn stream(&self) -> Stream<'_> {
        self.range(&[], None)
    }

    /// Roughly `n` rows that divide the leaves evenly.
    fn sample_rows(&self, n: usize) -> Vec<&[u8]> {
        match self {
            Leaves::Table(table) => {
                let step = table.len.div_ceil(n.max(1)).max(1);
                (0..table.len).step_by(step).map(|index| table.row(index)).collect()
            }
            Leaves::Run(run) => run.sample_rows(n),
        }
    }
}

/// Divides the rows of `sources` into roughly `n` ranges of similar size.
///
/// Rows that agree in their first `unit` bytes stay together.
pub(crate) fn divide(sources: &[&Leaves], unit: usize, n: usize) -> Vec<Bounds> {
    let mut rows: Vec<&[u8]> =
        sources.iter().flat_map(|leaves| leaves.sample_rows(16 * n)).collect();
    rows.sort_unstable();
    let step = rows.len().div_ceil(n.max(1)).max(1);
    let mut cuts: Vec<Vec<u8>> =
        rows.iter().step_by(step).skip(1).map(|row| row[..unit].to_vec()).collect();
    cuts.dedup();
    let mut bounds = Vec::with_capacity(cuts.len() + 1);
    let mut from = Vec::new();
    for cut in cuts {
        bounds.push((std::mem::replace(&mut from, cut.clone()), Some(cut)));
    }
    bounds.push((from, None));
    bounds
}

/// The memory available for collected leaves; if they may exceed it, they go to disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub row_len: usize,
    /// Memory for the leaves in bytes.
    pub memory: u64,
}

impl Room {
    /// Whether `leaves` leaves fit, which takes twice their memory while they are concatenated.
    fn holds(self, leaves: u64) -> bool {
        leaves.saturating_mul(2 * LeafTable::bytes_per_leaf(self.row_len)) <= self.memory
    }

    /// Collects the streams that `open` returns for consecutive `bounds`, in parallel.
    ///
    /// `at_most` is an upper bound of the number of leaves.
    pub(crate) fn collect<'a>(
        self,
        bounds: &[Bounds],
        at_most: u64,
        job: &Job,
        open: impl Fn(&[u8], Option<&[u8]>) -> Result<Stream<'a>> + Sync,
    ) -> Result<Leaves> {
        if self.holds(at_most) {
            let tables: Vec<LeafTable> = bounds
                .par_iter()
                .map(|(from, to)| self.table(&mut open(from, to.as_deref())?, job))
                .collect::<Result<_>>()?;
            let mut tables = tables.into_iter();
            let mut all = tables.next().unwrap_or_else(|| LeafTable::new(self.row_len));
            tables.for_each(|table| all.append(&table));
            return Ok(Leaves::Table(all));
        }
        let runs: Vec<Run> = bounds
            .par_iter()
            .map(|(from, to)| self.run(&mut open(from, to.as_deref())?, job))
            .collect::<Result<_>>()?;
        let mut all = Run::new(self.row_len);
        runs.into_iter().for_each(|run| all.append(run));
        // There may be far fewer leaves than the upper bound.
        if self.holds(all.len()) {
            return Ok(Leaves::Table(self.table(&mut all.range(&[], None), &Job::default())?));
        }
        Ok(Leaves::Run(all))
    }

    /// Collects one stream of at most `at_most` leaves.
    pub(crate) fn gather(
        self,
        stream: &mut impl LeafStream,
        at_most: u64,
        job: &Job,
    ) -> Result<Leaves> {
        if self.holds(at_most) {
            Ok(Leaves::Table(self.table(stream, job)?))
        } else {
            Ok(Leaves::Run(self.run(stream, job)?))
        }
    }

    /// Reads a whole stream into memory.
    fn table(self, stream: &mut impl LeafStream, job: &Job) -> Result<LeafTable> {
        let mut table = LeafTable::new(self.row_len);
        for_each(stream, job, |row, count| {
            table.push(row, count);
            Ok(())
        })?;
        Ok(table)
    }

    /// Writes a whole stream to disk.
    fn run(self, stream: &mut impl LeafStream, job: &Job) -> Result<Run> {
        let mut writer = RunWriter::create(self.row_len)?;
        for_each(stream, job, |row, count| writer.push(row, count))?;
        writer.finish()
    }
}

/// Calls `visit` with each leaf of `stream`; leaves count as progress of `job`.
pub(crate) fn for_each(
    stream: &mut impl LeafStream,
    job: &Job,
    mut visit: impl FnMut(&[u8], u64) -> Result<()>,
) -> Result<()> {
    let mut since = 0;
    while let Some((row, count)) = stream.next()? {
        visit(row, count)?;
        since += 1;
        if since == CHECK_EVERY {
            job.check()?;
            job.add(since);
            since = 0;
        }
    }
    job.add(since);
    Ok(())
}

/// Merges `sources`, adding the counts of equal leaves.
pub(crate) fn merge(sources: &[&Leaves], room: Room, job: &Job) -> Result<Leaves> {
    let at_most = sources.iter().map(|leaves| leaves.len()).sum();
    let bounds = divide(sources, room.row_len, 4 * rayon::current_num_threads());
    room.collect(&bounds, at_most, job, |from, to| {
        Ok(Box::new(Merge::new(sources.iter().map(|leaves| leaves.range(from, to)))?))
    })
}
