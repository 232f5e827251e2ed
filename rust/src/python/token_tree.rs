//! `TokenTree`.

use std::path::PathBuf;

use numpy::ndarray::ArrayView1;
use numpy::{Element, PyArray1, PyArrayMethods, ToPyArray};
use pyo3::prelude::*;

use super::arguments::{ArrayPair, CountArray, Offsets, PathArray, Progress, SymbolIds};
use super::corpus::CorpusOrPaths;
use super::job;
use super::statistics::PyStatistics;
use crate::statistics::Statistics;
use crate::tokens::Alphabet;
use crate::tree::{BuildOptions, Counts, ExportFormat, LeafTable, Segment, TokenTree, build};
use crate::{Error, Result};

/// The token tree of a dataset (Def 3.1), pruned to depth d: its sorted leaf table.
///
/// Create one with `build`, `from_symbols` or `open`. Trees are immutable. A tree that exceeds its
/// memory budget is kept in temporary files; everything except `paths` and `counts` works the same.
#[pyclass(frozen, name = "TokenTree", module = "elastic_core")]
pub(super) struct PyTokenTree {
    pub(super) tree: TokenTree,
}

#[pymethods]
impl PyTokenTree {
    /// Builds the tree of a corpus.
    ///
    /// EOS is appended to each document. The result does not depend on `memory`, `threads` or the
    /// order of the files.
    ///
    /// Args:
    ///     corpus: A `Corpus`, or one or more paths to read with the default options.
    ///     depth: Depth d in symbols, 1 to 64.
    ///     segment: `chunk` (consecutive segments of d symbols), `prefix` (the first d symbols) or
    ///         `window` (d symbols from every position).
    ///     alphabet: `bit`, `byte`, or `bpe:PATH` with PATH a Hugging Face `tokenizer.json`.
    ///     memory: Memory budget in bytes, at least 1 MiB; what exceeds it goes to temporary files.
    ///         None: half of the available memory.
    ///     threads: Number of threads; None: one per core.
    ///     progress: Called about ten times a second with a `Step` that counts bytes on disk while
    ///         reading, segments while sorting and leaves while merging.
    ///
    /// Raises:
    ///     InvalidArgumentError: An argument has an invalid value.
    ///     CorpusError: The corpus is empty, damaged or has a row without usable text.
    ///     TokenizerError: The tokenizer file cannot be loaded.
    ///     OSError: A file is missing or unreadable, or the disk is full.
    #[staticmethod]
    #[pyo3(signature = (
        corpus, *, depth=8, segment="chunk", alphabet="byte", memory=None, threads=None, progress=None
    ))]
    #[allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.
    fn build(
        py: Python<'_>,
        corpus: CorpusOrPaths,
        depth: usize,
        segment: &str,
        alphabet: &str,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<PyTokenTree> {
        let options = options(depth, segment, memory, threads)?;
        let tree = job::run(py, progress, |job| {
            build(&corpus.corpus()?, &Alphabet::parse(alphabet)?, options, job)
        })?;
        Ok(PyTokenTree { tree })
    }

    /// Builds the tree of documents given as symbol ids, which are read in place.
    ///
    /// Args:
    ///     ids: Symbol ids of all documents; uint8, uint16 or uint32, contiguous, shape (n,).
    ///     offsets: Start of each document, followed by n: document i is
    ///         `ids[offsets[i]:offsets[i + 1]]`. Non-decreasing integers, starting at 0.
    ///     depth: Depth d in symbols, 1 to 64.
    ///     segment: `chunk`, `prefix` or `window`.
    ///     vocabulary: Number of symbols, which is also the id of EOS. None: 256 for uint8,
    ///         otherwise the highest id plus one.
    ///     memory: Memory budget in bytes in addition to the ids, at least 1 MiB; None: half of the
    ///         available memory.
    ///     threads: Number of threads; None: one per core.
    ///     progress: Called about ten times a second with a `Step` that counts bytes while reading,
    ///         segments while sorting and leaves while merging.
    ///
    /// Returns:
    ///     A tree with the alphabet `ids` and `bytes` 0, since the size of the text is unknown.
    ///
    /// Raises:
    ///     TypeError: `ids` is not an array of one of these types.
    ///     InvalidArgumentError: The offsets are invalid, or an id is outside the vocabulary.
    #[staticmethod]
    #[pyo3(
        signature = (
            ids, offsets, *, depth=8, segment="chunk", vocabulary=None, memory=None, threads=None,
            progress=None
        )
    )]
    #[allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.
    fn from_symbols(
        py: Python<'_>,
        ids: SymbolIds<'_>,
        offsets: Offsets,
        depth: usize,
        segment: &str,
        vocabulary: Option<u32>,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<PyTokenTree> {
        let options = options(depth, segment, memory, threads)?;
        let ids = ids.slice()?;
        let tree = job::run(py, progress, |job| ids.tree(&offsets.0, vocabulary, options, job))?;
        Ok(PyTokenTree { tree })
    }

    /// Whether a file claims to be a token tree; only `open` checks it.
    ///
    /// Raises:
    ///     OSError: The file is missing or unreadable.
    #[staticmethod]
    fn is_file(py: Python<'_>, path: PathBuf) -> PyResult<bool> {
        Ok(py.detach(|| TokenTree::is_file(&path))?)
    }

    /// Opens a tree file and checks that it is complete, undamaged and of this version.
    ///
    /// Args:
    ///     path: A file that `save` wrote.
    ///     memory: Memory budget for the tree in bytes; a larger tree is kept in temporary files.
    ///         None: half of the available memory.
    ///     progress: Called about ten times a second with a `Step` that counts leaves.
    ///
    /// Raises:
    ///     TreeFileError: The file is damaged, of another version or not a token tree.
    ///     OSError: The file is missing or unreadable.
    #[staticmethod]
    #[pyo3(signature = (path, *, memory=None, progress=None))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        memory: Option<u64>,
        progress: Option<Progress>,
    ) -> PyResult<PyTokenTree> {
        let memory = job::memory(memory)?;
        let tree = job::run(py, progress, |job| TokenTree::open(&path, memory, job))?;
        Ok(PyTokenTree { tree })
    }

    /// Writes the tree to a Parquet file, which appears only when it is complete.
    ///
    /// Columns `symbol_1` to `symbol_d` hold the path, padded with EOS, and `count` (uint64) its
    /// occurrences. Rows are in path order.
    ///
    /// Args:
    ///     path: The file to write; `-` is standard output.
    ///     overwrite: Whether to replace an existing file.
    ///     progress: Called about ten times a second with a `Step` that counts leaves.
    ///
    /// Raises:
    ///     InvalidArgumentError: The path is a folder, or the file exists.
    ///     OSError: The file cannot be written, or the disk is full.
    #[pyo3(signature = (path, *, overwrite=true, progress=None))]
    fn save(
        &self,
        py: Python<'_>,
        path: PathBuf,
        overwrite: bool,
        progress: Option<Progress>,
    ) -> PyResult<()> {
        job::run(py, progress, |job| self.tree.save(&path, overwrite, job))
    }

    /// Writes every leaf as text, with its path up to EOS, to a file that appears when complete.
    ///
    /// Args:
    ///     path: The file to write; `-` is standard output.
    ///     format: `csv` (`path,count`, with the ids of the path separated by spaces) or `jsonl`
    ///         (`{"path": [...], "count": n}`).
    ///     overwrite: Whether to replace an existing file.
    ///     progress: Called about ten times a second with a `Step` that counts leaves.
    ///
    /// Raises:
    ///     InvalidArgumentError: The format is unknown, the path is a folder, or the file exists.
    ///     OSError: The file cannot be written, or the disk is full.
    #[pyo3(signature = (path, *, format="csv", overwrite=true, progress=None))]
    fn export(
        &self,
        py: Python<'_>,
        path: PathBuf,
        format: &str,
        overwrite: bool,
        progress: Option<Progress>,
    ) -> PyResult<()> {
        let format = ExportFormat::parse(format)?;
        job::run(py, progress, |job| self.tree.export(&path, format, overwrite, job))
    }

    /// Merges this tree with others into the tree of all their documents, adding counts.
    ///
    /// This is the joint weight of the paper, in which each dataset is weighted by its volume.
    ///
    /// Args:
    ///     *others: Trees of the same depth, segmentation and alphabet.
    ///     memory: Memory budget for the result in bytes; None: half of the available memory.
    ///     threads: Number of threads; None: one per core.
    ///     progress: Called about ten times a second with a `Step` that counts leaves.
    ///
    /// Raises:
    ///     InvalidArgumentError: The trees differ in depth, segmentation or alphabet.
    #[pyo3(signature = (*others, memory=None, threads=None, progress=None))]
    fn merge(
        &self,
        py: Python<'_>,
        others: Vec<Py<PyTokenTree>>,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<PyTokenTree> {
        let memory = job::memory(memory)?;
        let tree = job::run(py, progress, |job| {
            let trees: Vec<&TokenTree> = std::iter::once(&self.tree)
                .chain(others.iter().map(|other| &other.get().tree))
                .collect();
            job::pool(threads)?.install(|| TokenTree::merge(&trees, memory, job))
        })?;
        Ok(PyTokenTree { tree })
    }

    /// Prunes the tree to its top `depth` layers: each segment keeps its first `depth` symbols.
    ///
    /// Args:
    ///     depth: From 1 to the depth of this tree.
    ///     memory: Memory budget for the result in bytes; None: half of the available memory.
    ///     threads: Number of threads; None: one per core.
    ///     progress: Called about ten times a second with a `Step` that counts leaves.
    ///
    /// Raises:
    ///     InvalidArgumentError: The depth is out of range.
    #[pyo3(signature = (depth, *, memory=None, threads=None, progress=None))]
    fn prune(
        &self,
        py: Python<'_>,
        depth: usize,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<PyTokenTree> {
        let memory = job::memory(memory)?;
        let tree = job::run(py, progress, |job| {
            job::pool(threads)?.install(|| self.tree.prune(depth, memory, job))
        })?;
        Ok(PyTokenTree { tree })
    }

    /// Computes the statistics at every depth, in one pass, and the static rates.
    ///
    /// Args:
    ///     threads: Number of threads; None: one per core. The result does not depend on it.
    ///     progress: Called about ten times a second with a `Step` that counts leaves.
    #[pyo3(signature = (*, threads=None, progress=None))]
    fn statistics(
        &self,
        py: Python<'_>,
        threads: Option<usize>,
        progress: Option<Progress>,
    ) -> PyResult<PyStatistics> {
        let statistics = job::run(py, progress, |job| {
            job::pool(threads)?.install(|| Statistics::of(&self.tree, job))
        })?;
        Ok(PyStatistics { statistics })
    }

    /// Counts the segments that begin with `path`.
    ///
    /// Args:
    ///     path: At most d symbol ids; EOS is `eos`. An empty path counts all segments.
    ///
    /// Raises:
    ///     InvalidArgumentError: The path is too long, or a symbol is not in the alphabet.
    fn count(&self, py: Python<'_>, path: Vec<u32>) -> PyResult<u64> {
        Ok(py.detach(|| self.tree.count(&path))?)
    }

    /// Lists the symbols that follow `path`, with their counts.
    ///
    /// Args:
    ///     path: At most d symbol ids; EOS is `eos`.
    ///
    /// Returns:
    ///     Symbols (uint32, increasing) and counts (uint64), of equal length; both empty after EOS
    ///     and after a path of d symbols.
    ///
    /// Raises:
    ///     InvalidArgumentError: The path is too long, or a symbol is not in the alphabet.
    fn children<'py>(&self, py: Python<'py>, path: Vec<u32>) -> PyResult<ArrayPair<'py, u32, u64>> {
        let children = py.detach(|| self.tree.children(&path))?;
        let (symbols, counts): (Vec<u32>, Vec<u64>) = children.into_iter().unzip();
        Ok((symbols.to_pyarray(py), counts.to_pyarray(py)))
    }

    /// The depth d, in symbols.
    #[getter]
    fn depth(&self) -> usize {
        self.tree.shape().depth()
    }

    /// `chunk`, `prefix` or `window`.
    #[getter]
    fn segment(&self) -> &str {
        self.tree.shape().segment.name()
    }

    /// `bit`, `byte`, `ids`, or `bpe:` and the first 16 digits of the tokenizer file's SHA-256.
    #[getter]
    fn alphabet(&self) -> &str {
        &self.tree.shape().alphabet
    }

    /// Number of symbols without EOS.
    #[getter]
    fn vocabulary(&self) -> u32 {
        self.tree.shape().vocabulary()
    }

    /// The id of EOS, the first one after the vocabulary.
    #[getter]
    fn eos(&self) -> u32 {
        self.tree.shape().eos()
    }

    /// Number of documents in the tree.
    #[getter]
    fn documents(&self) -> u64 {
        self.tree.volume().documents
    }

    /// Raw bytes of text in the documents; 0 for a tree built by `from_symbols`.
    #[getter]
    fn bytes(&self) -> u64 {
        self.tree.volume().bytes
    }

    /// Number of symbols in the documents, without EOS.
    #[getter]
    fn symbols(&self) -> u64 {
        self.tree.volume().symbols
    }

    /// Number of rows that were skipped because they have no usable text.
    #[getter]
    fn bad_rows(&self) -> u64 {
        self.tree.volume().bad_rows
    }

    /// Number of leaf occurrences, the volume `|D|` of the theory.
    #[getter]
    fn segments(&self) -> u64 {
        self.tree.volume().segments
    }

    /// Whether the leaves are in memory rather than in temporary files.
    #[getter]
    fn in_memory(&self) -> bool {
        self.tree.table().is_some()
    }

    /// The paths of the leaves: a read-only view of big-endian unsigned integers, shape (M, d).
    ///
    /// Rows are in increasing order; paths that end early are padded with EOS. The integers have 1,
    /// 2 or 4 bytes, depending on the vocabulary.
    ///
    /// Raises:
    ///     InvalidArgumentError: The tree exceeds its memory budget; save it and read the file in
    ///         parts.
    #[getter]
    fn paths<'py>(slf: &Bound<'py, Self>) -> PyResult<PathArray<'py>> {
        let tree = &slf.get().tree;
        let bytes = view(slf, tree.table_in_memory()?.rows());
        let dtype = format!(">u{}", tree.shape().symbol_bytes());
        bytes.call_method1("view", (dtype,))?.call_method1("reshape", (-1, tree.shape().depth()))
    }

    /// The count of each leaf: a read-only view, uint32 or, for large counts, uint64, shape (M,).
    ///
    /// Raises:
    ///     InvalidArgumentError: The tree exceeds its memory budget; save it and read the file in
    ///         parts.
    #[getter]
    fn counts<'py>(slf: &Bound<'py, Self>) -> PyResult<CountArray<'py>> {
        Ok(match slf.get().tree.table_in_memory()?.counts() {
            Counts::Narrow(counts) => view(slf, counts),
            Counts::Wide(counts) => view(slf, counts),
        })
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.tree.len()).unwrap_or(usize::MAX)
    }

    fn __repr__(&self) -> String {
        let shape = self.tree.shape();
        format!(
            "TokenTree(depth={}, segment='{}', alphabet='{}', leaves={}, segments={})",
            shape.depth(),
            shape.segment.name(),
            shape.alphabet,
            self.tree.len(),
            self.tree.volume().segments
        )
    }
}

fn options(
    depth: usize,
    segment: &str,
    memory: Option<u64>,
    threads: Option<usize>,
) -> Result<BuildOptions> {
    Ok(BuildOptions {
        depth,
        segment: Segment::parse(segment)?,
        memory: job::memory(memory)?,
        threads: job::threads(threads),
    })
}

impl TokenTree {
    fn table_in_memory(&self) -> Result<&LeafTable> {
        self.table().ok_or_else(|| {
            let reason = "the tree exceeds its memory budget and is stored on disk: allow more \
                          memory, or save it and read the Parquet file in parts";
            Error::InvalidArgument(reason.to_string())
        })
    }
}

/// A read-only numpy array over `values`, which belong to `owner`.
fn view<'py, T: Element>(owner: &Bound<'py, PyTokenTree>, values: &[T]) -> Bound<'py, PyAny> {
    let values = ArrayView1::from(values);
    // SAFETY: a tree never changes or frees its table before it is dropped, and the array keeps
    // `owner` alive; `tests/python/test_tree.py` reads a view after its tree is gone.
    let array = unsafe { PyArray1::borrow_from_array(&values, owner.clone().into_any()) };
    array.readwrite().make_nonwriteable();
    array.into_any()
}
