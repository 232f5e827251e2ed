//! Arguments that several Python types are accepted for, and aliases that name Python objects.
//!
//! `.ci/stubs.py` lists the Python type that each of these names has in the stub.

use std::path::PathBuf;

use numpy::{Element, PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::tree::{BuildOptions, Symbol, TokenTree, from_symbols};
use crate::{Error, Job, Result};

/// A callable that receives `elastic_core.common.progress.Step`.
pub(super) type Progress = Py<PyAny>;
/// An object with `encode` and `decode`, as `elastic_core.compression` has one.
pub(super) type StreamCoder = Py<PyAny>;
/// A callable that returns a [`StreamCoder`] for a description.
pub(super) type OpenStreamCoder = Py<PyAny>;
/// A class of exceptions.
pub(super) type ExceptionType = Py<PyAny>;
/// An exception.
pub(super) type Exception = Py<PyAny>;
/// The traceback of an exception.
pub(super) type Traceback = Py<PyAny>;
/// Keyword arguments by name.
pub(super) type OptionDict<'py> = Bound<'py, PyDict>;
/// A list of strings.
pub(super) type StrList = PyList;
/// A list of bytes objects.
pub(super) type BytesList = PyList;
/// An array whose type depends on the tree.
pub(super) type PathArray<'py> = Bound<'py, PyAny>;
/// An array of uint32 or uint64.
pub(super) type CountArray<'py> = Bound<'py, PyAny>;
/// Two arrays of one length.
pub(super) type ArrayPair<'py, A, B> = (Bound<'py, PyArray1<A>>, Bound<'py, PyArray1<B>>);

/// What is said of a path that Python cannot encode.
const UNNAMED: &str = "a path has characters that the locale lacks: set LC_ALL=C.UTF-8";

/// One path or several.
pub(super) enum Paths {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl<'py> FromPyObject<'_, 'py> for Paths {
    type Error = PyErr;

    fn extract(paths: Borrowed<'_, 'py, PyAny>) -> PyResult<Paths> {
        let unnamed = |error: &PyErr| error.is_instance_of::<PyUnicodeEncodeError>(paths.py());
        let reason = match paths.extract().map(Paths::One) {
            Ok(path) => return Ok(path),
            Err(error) if unnamed(&error) => UNNAMED,
            Err(_) => match paths.extract().map(Paths::Several) {
                Ok(paths) => return Ok(paths),
                Err(error) if unnamed(&error) => UNNAMED,
                Err(_) => return Err(PyTypeError::new_err("neither a path nor a list of paths")),
            },
        };
        Err(Error::InvalidArgument(reason.to_string()).into())
    }
}

impl Paths {
    pub(super) fn into_vec(self) -> Vec<PathBuf> {
        match self {
            Paths::One(path) => vec![path],
            Paths::Several(paths) => paths,
        }
    }
}

/// One name or several.
#[derive(FromPyObject)]
pub(super) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Names::One(name) => vec![name],
            Names::Several(names) => names,
        }
    }
}

/// A document: bytes, or a string that is encoded as UTF-8.
#[derive(FromPyObject)]
pub(super) enum Document {
    Bytes(Vec<u8>),
    Text(String),
}

impl Document {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self {
            Document::Bytes(bytes) => bytes,
            Document::Text(text) => text.into_bytes(),
        }
    }
}

/// Symbol ids in any of the integer types that a tree reads in place.
pub(super) enum SymbolIds<'py> {
    U8(PyReadonlyArray1<'py, u8>),
    U16(PyReadonlyArray1<'py, u16>),
    U32(PyReadonlyArray1<'py, u32>),
}

impl<'py> FromPyObject<'_, 'py> for SymbolIds<'py> {
    type Error = PyErr;

    fn extract(ids: Borrowed<'_, 'py, PyAny>) -> PyResult<SymbolIds<'py>> {
        if let Ok(ids) = ids.extract() {
            Ok(SymbolIds::U8(ids))
        } else if let Ok(ids) = ids.extract() {
            Ok(SymbolIds::U16(ids))
        } else if let Ok(ids) = ids.extract() {
            Ok(SymbolIds::U32(ids))
        } else {
            let reason = "ids must be a one-dimensional array of uint8, uint16 or uint32";
            Err(PyTypeError::new_err(reason))
        }
    }
}

/// Symbol ids in memory that Python owns, for use while the interpreter is released.
pub(super) enum IdSlice<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
}

impl SymbolIds<'_> {
    pub(super) fn slice(&self) -> Result<IdSlice<'_>> {
        fn contiguous<'a, T: Element>(ids: &'a PyReadonlyArray1<'_, T>) -> Result<&'a [T]> {
            let reason = "ids must be contiguous: pass np.ascontiguousarray(ids)";
            ids.as_slice().map_err(|_| Error::InvalidArgument(reason.to_string()))
        }
        Ok(match self {
            SymbolIds::U8(ids) => IdSlice::U8(contiguous(ids)?),
            SymbolIds::U16(ids) => IdSlice::U16(contiguous(ids)?),
            SymbolIds::U32(ids) => IdSlice::U32(contiguous(ids)?),
        })
    }
}

impl IdSlice<'_> {
    /// The tree of these ids; without a `vocabulary`, 256 for bytes, else the highest id plus one.
    pub(super) fn tree(
        &self,
        offsets: &[u64],
        vocabulary: Option<u32>,
        options: BuildOptions,
        job: &Job,
    ) -> Result<TokenTree> {
        fn above_highest<T: Symbol>(ids: &[T]) -> u32 {
            ids.iter().map(|&id| id.into()).max().unwrap_or(0).saturating_add(1)
        }
        match *self {
            IdSlice::U8(ids) => from_symbols(ids, offsets, vocabulary.unwrap_or(256), options, job),
            IdSlice::U16(ids) => {
                let vocabulary = vocabulary.unwrap_or_else(|| above_highest(ids));
                from_symbols(ids, offsets, vocabulary, options, job)
            }
            IdSlice::U32(ids) => {
                let vocabulary = vocabulary.unwrap_or_else(|| above_highest(ids));
                from_symbols(ids, offsets, vocabulary, options, job)
            }
        }
    }
}

/// Where documents begin among ids, from an array or a sequence of integers.
pub(super) struct Offsets(pub(super) Vec<u64>);

impl<'py> FromPyObject<'_, 'py> for Offsets {
    type Error = PyErr;

    fn extract(offsets: Borrowed<'_, 'py, PyAny>) -> PyResult<Offsets> {
        let numpy = offsets.py().import("numpy")?;
        let array = numpy.call_method1("asarray", (offsets,))?;
        let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
        let dimensions: usize = array.getattr("ndim")?.extract()?;
        if dimensions != 1 || !matches!(kind.as_str(), "i" | "u") {
            let reason = "offsets must be a one-dimensional array or sequence of integers";
            return Err(Error::InvalidArgument(reason.to_string()).into());
        }
        let array = array.call_method1("astype", ("int64",))?;
        let signed: PyReadonlyArray1<'_, i64> = array.extract()?;
        let signed = signed.as_array();
        let unsigned = signed.iter().map(|&offset| u64::try_from(offset));
        let offsets = unsigned
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| Error::InvalidArgument("offsets must not be negative".to_string()))?;
        Ok(Offsets(offsets))
    }
}

/// The rows of a table of probabilities.
pub(super) fn probability_rows<'a>(
    rows: &'a PyReadonlyArray2<'_, f32>,
) -> Result<std::slice::Chunks<'a, f32>> {
    let reason = "rows must be contiguous: pass np.ascontiguousarray(rows)";
    let slice = rows.as_slice().map_err(|_| Error::InvalidArgument(reason.to_string()))?;
    Ok(slice.chunks(rows.shape()[1].max(1)))
}
