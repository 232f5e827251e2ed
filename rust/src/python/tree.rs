//! `TokenTree`.

use std::path::PathBuf;

use numpy::ndarray::ArrayView1;
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1, ToPyArray};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::corpus::{Paths, PyCorpus};
use super::job;
use super::statistics::PyStatistics;
use crate::code::Statistics;
use crate::corpus::{Corpus, ReadOptions};
use crate::tokens::Alphabet;
use crate::tree::{BuildOptions, Counts, ExportFormat, LeafTable, Segment, Symbol, TokenTree};
use crate::tree::{build, from_symbols};
use crate::{Error, Job, Result};

/// The token tree of a dataset (Def 3.1), pruned to depth d: its sorted leaf table.
///
/// Make one with `build`, `from_symbols` or `open`. A tree never changes. One that is larger
/// than the memory it may use stands in temporary files; all but `paths` and `counts` works on
/// it all the same.
#[pyclass(frozen, name = "TokenTree", module = "elastic_core")]
pub(super) struct PyTokenTree {
    pub(super) tree: TokenTree,
}

/// A corpus, or the paths of one.
#[derive(FromPyObject)]
enum Source {
    Corpus(Py<PyCorpus>),
    Paths(Paths),
}

/// Ids in any of the integer types that hold them.
#[derive(FromPyObject)]
enum Ids<'py> {
    U8(PyReadonlyArray1<'py, u8>),
    U16(PyReadonlyArray1<'py, u16>),
    U32(PyReadonlyArray1<'py, u32>),
}

/// Where the ids are that Python owns, for use while the interpreter is released.
enum IdSlice<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
}

impl Ids<'_> {
    fn slice(&self) -> PyResult<IdSlice<'_>> {
        fn contiguous<'a, T: Element>(ids: &'a PyReadonlyArray1<'_, T>) -> PyResult<&'a [T]> {
            ids.as_slice().map_err(|_| {
                let reason = "ids must be contiguous: pass np.ascontiguousarray(ids)";
                Error::InvalidArgument(reason.to_string()).into()
            })
        }
        Ok(match self {
            Ids::U8(ids) => IdSlice::U8(contiguous(ids)?),
            Ids::U16(ids) => IdSlice::U16(contiguous(ids)?),
            Ids::U32(ids) => IdSlice::U32(contiguous(ids)?),
        })
    }
}

fn highest<T: Symbol>(ids: &[T]) -> u32 {
    ids.iter().map(|&id| id.into()).max().unwrap_or(0)
}

/// Offsets as unsigned numbers, from an array or a sequence of integers.
fn offsets(py: Python<'_>, offsets: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    let array = py.import("numpy")?.call_method1("asarray", (offsets,))?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    let dimensions: usize = array.getattr("ndim")?.extract()?;
    if dimensions != 1 || !matches!(kind.as_str(), "i" | "u") {
        let reason =
            "offsets must be integers in one dimension: where each document begins, and the end";
        return Err(Error::InvalidArgument(reason.to_string()).into());
    }
    let array = array.call_method1("astype", ("int64",))?;
    let signed: PyReadonlyArray1<'_, i64> = array.extract()?;
    let unsigned = signed.as_array().iter().map(|&offset| u64::try_from(offset)).collect();
    let negative = |_| Error::InvalidArgument("offsets must not be negative".to_string()).into();
    std::result::Result::<Vec<u64>, _>::map_err(unsigned, negative)
}

#[pymethods]
impl PyTokenTree {
    /// Builds the tree of a corpus.
    ///
    /// EOS is appended to each document. The result depends neither on `memory` nor on `threads`
    /// nor on the order of the files.
    ///
    /// Args:
    ///     corpus: A `Corpus`, or the path or paths of one with all options at their defaults.
    ///     depth: Depth d in symbols, 1 to 64.
    ///     segment: `chunk` (consecutive segments of d symbols), `prefix` (the first d symbols) or
    ///         `window` (the d symbols from every position on).
    ///     alphabet: `bit`, `byte`, or `bpe:PATH` with PATH a Hugging Face `tokenizer.json`.
    ///     memory: Bytes to stay within, at least 1 MiB; sorted runs go to temporary files beyond
    ///         it. None: half of what is free.
    ///     threads: Threads to work on; None: one for each core.
    ///     progress: Called about ten times a second with the phase, the units done and the units
    ///         in all (0: not known): bytes on disk while reading, leaves while merging.
    ///
    /// Raises:
    ///     InvalidArgumentError: An argument is not what it should be.
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
        corpus: Source,
        depth: usize,
        segment: &str,
        alphabet: &str,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyTokenTree> {
        let options = options(depth, segment, memory, threads)?;
        let tree = job::run(py, progress, |job| {
            let alphabet = Alphabet::parse(alphabet)?;
            match corpus {
                Source::Corpus(corpus) => build(&corpus.get().corpus, &alphabet, options, job),
                Source::Paths(paths) => {
                    let corpus = Corpus::discover(&paths.into_vec(), ReadOptions::default())?;
                    build(&corpus, &alphabet, options, job)
                }
            }
        })?;
        Ok(PyTokenTree { tree })
    }

    /// Builds the tree of documents given as symbols, which are read where they are.
    ///
    /// Args:
    ///     ids: Symbol ids of all documents, shape (n,), dtype uint8, uint16 or uint32, contiguous.
    ///     offsets: Where each document begins, and n at the end: document i is
    ///         `ids[offsets[i]:offsets[i + 1]]`. Integers that do not fall, the first of them 0.
    ///     depth: Depth d in symbols, 1 to 64.
    ///     segment: `chunk`, `prefix` or `window`.
    ///     vocabulary: How many symbols there are; EOS is the id after them. None: 256 for uint8,
    ///         else the highest id and one.
    ///     memory: Bytes to stay within beside the ids, at least 1 MiB; None: half of what is free.
    ///     threads: Threads to work on; None: one for each core.
    ///     progress: Called with the phase, the units done and the units in all; units are symbols.
    ///
    /// Returns:
    ///     A tree with the alphabet `ids`, whose `bytes` are 0: how much text it was is not known.
    ///
    /// Raises:
    ///     TypeError: `ids` is no array of such a type.
    ///     InvalidArgumentError: Offsets that are none, an id outside the vocabulary.
    #[staticmethod]
    #[pyo3(
        name = "from_symbols",
        signature = (
            ids, offsets, *, depth=8, segment="chunk", vocabulary=None, memory=None, threads=None,
            progress=None
        )
    )]
    #[allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.
    fn py_from_symbols(
        py: Python<'_>,
        ids: &Bound<'_, PyAny>,
        offsets: &Bound<'_, PyAny>,
        depth: usize,
        segment: &str,
        vocabulary: Option<u32>,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyTokenTree> {
        let ids: Ids<'_> = ids.extract().map_err(|_| {
            PyTypeError::new_err("ids must be a one-dimensional array of uint8, uint16 or uint32")
        })?;
        let offsets = self::offsets(py, offsets)?;
        let options = options(depth, segment, memory, threads)?;
        let ids = ids.slice()?;
        let tree = job::run(py, progress, |job| match ids {
            IdSlice::U8(ids) => {
                from_symbols(ids, &offsets, vocabulary.unwrap_or(256), options, job)
            }
            IdSlice::U16(ids) => {
                let vocabulary = vocabulary.unwrap_or_else(|| highest(ids) + 1);
                from_symbols(ids, &offsets, vocabulary, options, job)
            }
            IdSlice::U32(ids) => {
                let vocabulary = vocabulary.unwrap_or_else(|| highest(ids).saturating_add(1));
                from_symbols(ids, &offsets, vocabulary, options, job)
            }
        })?;
        Ok(PyTokenTree { tree })
    }

    /// Whether a file says of itself that it is a token tree; `open` then says what it is worth.
    ///
    /// Raises:
    ///     OSError: The file is missing or unreadable.
    #[staticmethod]
    fn is_file(py: Python<'_>, path: PathBuf) -> PyResult<bool> {
        Ok(py.detach(|| TokenTree::is_file(&path))?)
    }

    /// Reads a tree file, checking that it is whole, in order and of this version.
    ///
    /// Args:
    ///     path: What `save` wrote.
    ///     memory: Bytes that the tree may take; None: half of what is free. A larger tree is kept
    ///         in temporary files.
    ///     progress: Called with the phase, the leaves done and the leaves in all.
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
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyTokenTree> {
        let memory = job::memory(memory);
        let tree = job::run(py, progress, |job| TokenTree::open(&path, memory, job))?;
        Ok(PyTokenTree { tree })
    }

    /// Writes the tree to a Parquet file, which appears only when it is complete.
    ///
    /// Columns `symbol_1` to `symbol_d` hold the path, filled up with EOS, and `count` (uint64) its
    /// occurrences; rows are in path order.
    ///
    /// Raises:
    ///     InvalidArgumentError: The path is a folder.
    ///     OSError: The file cannot be written, or the disk is full.
    #[pyo3(signature = (path, *, progress=None))]
    fn save(&self, py: Python<'_>, path: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<()> {
        job::run(py, progress, |job| self.tree.save(&path, job))
    }

    /// Writes every leaf as text, its path up to and with EOS; complete or not at all.
    ///
    /// Args:
    ///     path: The file to write.
    ///     format: `csv` (`path,count`, the path's ids between blanks) or `jsonl`
    ///         (`{"path": [...], "count": n}`).
    ///     progress: Called with the phase, the leaves done and the leaves in all.
    ///
    /// Raises:
    ///     InvalidArgumentError: Another format, or the path is a folder.
    ///     OSError: The file cannot be written, or the disk is full.
    #[pyo3(signature = (path, *, format="csv", progress=None))]
    fn export(
        &self,
        py: Python<'_>,
        path: PathBuf,
        format: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let format = ExportFormat::parse(format)?;
        job::run(py, progress, |job| self.tree.export(&path, format, job))
    }

    /// The tree of all documents of this tree and the others: counts add up.
    ///
    /// This is the paper's joint weight: each dataset weighs by its volume.
    ///
    /// Args:
    ///     *others: Trees of the same depth, segmentation and alphabet.
    ///     memory: Bytes that the result may take; None: half of what is free.
    ///     threads: Threads to work on; None: one for each core.
    ///     progress: Called with the phase, the leaves done and the leaves in all.
    ///
    /// Raises:
    ///     InvalidArgumentError: The trees are not alike.
    #[pyo3(signature = (*others, memory=None, threads=None, progress=None))]
    fn merge(
        &self,
        py: Python<'_>,
        others: Vec<Py<PyTokenTree>>,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyTokenTree> {
        let memory = job::memory(memory);
        let tree = job::run(py, progress, |job| {
            let trees: Vec<&TokenTree> = std::iter::once(&self.tree)
                .chain(others.iter().map(|other| &other.get().tree))
                .collect();
            job::pool(threads)?.install(|| TokenTree::merge(&trees, memory, job))
        })?;
        Ok(PyTokenTree { tree })
    }

    /// The top `depth` layers: each segment keeps its first `depth` symbols.
    ///
    /// Raises:
    ///     InvalidArgumentError: The depth is not from 1 to the tree's own.
    #[pyo3(signature = (depth, *, memory=None, threads=None, progress=None))]
    fn prune(
        &self,
        py: Python<'_>,
        depth: usize,
        memory: Option<u64>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyTokenTree> {
        let memory = job::memory(memory);
        let tree = job::run(py, progress, |job| {
            job::pool(threads)?.install(|| self.tree.prune(depth, memory, job))
        })?;
        Ok(PyTokenTree { tree })
    }

    /// The statistics at every depth from one pass, and the static rates.
    ///
    /// Args:
    ///     threads: Threads to work on; None: one for each core. The result does not depend on it.
    ///     progress: Called with the phase, the leaves done and the leaves in all.
    #[pyo3(signature = (*, threads=None, progress=None))]
    fn statistics(
        &self,
        py: Python<'_>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<PyStatistics> {
        let statistics = job::run(py, progress, |job: &Job| {
            job::pool(threads)?.install(|| Statistics::of(&self.tree, job))
        })?;
        Ok(PyStatistics { statistics })
    }

    /// How many segments begin with `path`.
    ///
    /// Args:
    ///     path: Symbol ids, at most d of them; EOS is `eos`. An empty path counts all segments.
    ///
    /// Raises:
    ///     InvalidArgumentError: The path is too long, or a symbol is not in the alphabet.
    fn count(&self, py: Python<'_>, path: Vec<u32>) -> PyResult<u64> {
        Ok(py.detach(|| self.tree.count(&path))?)
    }

    /// The symbols that follow `path`, and how often each does.
    ///
    /// Args:
    ///     path: Symbol ids, at most d of them; EOS is `eos`.
    ///
    /// Returns:
    ///     Symbols (uint32, rising) and counts (uint64), of one length. None follow EOS, nor a path
    ///     of d symbols.
    ///
    /// Raises:
    ///     InvalidArgumentError: The path is too long, or a symbol is not in the alphabet.
    #[allow(clippy::type_complexity)] // A pair of numpy arrays.
    fn children<'py>(
        &self,
        py: Python<'py>,
        path: Vec<u32>,
    ) -> PyResult<(Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u64>>)> {
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

    /// `bit`, `byte`, `ids`, or `bpe:` and 16 digits of the tokenizer file's SHA-256.
    #[getter]
    fn alphabet(&self) -> &str {
        &self.tree.shape().alphabet
    }

    /// How many symbols there are besides EOS.
    #[getter]
    fn vocabulary(&self) -> u32 {
        self.tree.shape().vocabulary()
    }

    /// The id of EOS: the first after the vocabulary.
    #[getter]
    fn eos(&self) -> u32 {
        self.tree.shape().eos()
    }

    /// Documents that went into the tree.
    #[getter]
    fn documents(&self) -> u64 {
        self.tree.volume().documents
    }

    /// Raw bytes of text in them; 0 for a tree of `from_symbols`.
    #[getter]
    fn bytes(&self) -> u64 {
        self.tree.volume().bytes
    }

    /// Symbols in them, EOS not counted.
    #[getter]
    fn symbols(&self) -> u64 {
        self.tree.volume().symbols
    }

    /// Rows that were left out for want of usable text.
    #[getter]
    fn bad_rows(&self) -> u64 {
        self.tree.volume().bad_rows
    }

    /// Leaf occurrences, the volume `|D|` of the theory.
    #[getter]
    fn segments(&self) -> u64 {
        self.tree.volume().segments
    }

    /// Whether the leaves are in memory, and not in temporary files.
    #[getter]
    fn in_memory(&self) -> bool {
        self.tree.table().is_some()
    }

    /// The leaves' paths: a read-only view, shape (M, d), big-endian unsigned integers.
    ///
    /// Rows rise; a path that EOS ended is filled up with EOS. The integers have 1, 2 or 4
    /// bytes, as the vocabulary needs.
    ///
    /// Raises:
    ///     InvalidArgumentError: The tree is larger than memory; save it, read the file in parts.
    #[getter]
    fn paths<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let tree = &slf.get().tree;
        let bytes = view(slf, tree.table_in_memory()?.rows());
        let dtype = format!(">u{}", tree.shape().symbol_bytes());
        bytes.call_method1("view", (dtype,))?.call_method1("reshape", (-1, tree.shape().depth()))
    }

    /// How often each leaf occurs: a read-only view, shape (M,), uint32 or, if need be, uint64.
    ///
    /// Raises:
    ///     InvalidArgumentError: The tree is larger than memory; save it, read the file in parts.
    #[getter]
    fn counts<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
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
        memory: job::memory(memory),
        threads: job::threads(threads),
    })
}

impl TokenTree {
    fn table_in_memory(&self) -> Result<&LeafTable> {
        self.table().ok_or_else(|| {
            let reason = "the tree is larger than the memory it may use and stands on disk: give it \
                          more memory, or save it and read the Parquet file in parts";
            Error::InvalidArgument(reason.to_string())
        })
    }
}

/// A read-only numpy array over `values`, which `owner` holds.
fn view<'py, T: Element>(owner: &Bound<'py, PyTokenTree>, values: &[T]) -> Bound<'py, PyAny> {
    let values = ArrayView1::from(values);
    // SAFETY: a tree is frozen and never changes or frees its table before it is dropped, and the
    // array keeps `owner` alive; `tests/python/test_tree.py` reads a view after its tree is gone.
    let array = unsafe { PyArray1::borrow_from_array(&values, owner.clone().into_any()) };
    array.readwrite().make_nonwriteable();
    array.into_any()
}
