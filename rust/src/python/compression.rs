//! `compress` and `decompress`: whole files, with a built-in model or one that Python drives.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::arguments::{OpenStreamCoder, Progress, StreamCoder};
use super::categorical_decoder::PyCategoricalDecoder;
use super::categorical_encoder::PyCategoricalEncoder;
use super::errors::is_coded_file_error;
use super::job;
use super::tree_model::DEFAULT_MEMORY;
use crate::compress::{self, Codec, Coded, Coding, Description};
use crate::{Error, Job, Result};

/// Block method: coded by the model.
const MODEL: u8 = 1;
/// Block method: compressed by zstd, because the model cannot code the text.
const ZSTD: u8 = 2;
/// Bytes of text in a block: enough for many streams, and small enough to hold in Python.
const BLOCK: usize = 1 << 20;
/// zstd level of blocks that the model cannot code.
const LEVEL: i32 = 19;

/// Codes blocks with a language model that Python drives.
struct PyCodec {
    coder: StreamCoder,
    description: String,
    job: Arc<Job>,
}

/// Converts an exception of the model: damage becomes [`Error::Code`], the rest stays as raised.
fn model_error(error: PyErr) -> Error {
    match Python::attach(|py| is_coded_file_error(&error, py).then(|| error.value(py).to_string()))
    {
        Some(reason) => Error::Code(reason),
        None => Error::Model { source: Box::new(error) },
    }
}

impl PyCodec {
    fn encode_text(&self, py: Python<'_>, raw: &[u8]) -> PyResult<Option<Coded>> {
        let encoder = PyCategoricalEncoder::counted(raw.len() as u64, &self.job);
        let encoder = Bound::new(py, encoder)?;
        let text = PyBytes::new(py, raw);
        let tokens = self.coder.bind(py).call_method1("encode", (text, &encoder))?;
        let Some(tokens) = tokens.extract::<Option<Vec<u64>>>()? else { return Ok(None) };
        let encoder = encoder.get().take();
        let predicted_bits = encoder.bits();
        let bytes = compress::join_streams(&tokens, &encoder.finish());
        Ok(Some(Coded { method: MODEL, bytes, predicted_bits }))
    }

    fn decode_text(
        &self,
        py: Python<'_>,
        tokens: Vec<u64>,
        coded: &[u8],
        raw_len: usize,
    ) -> PyResult<Vec<u8>> {
        let symbols = tokens.iter().sum();
        let decoder = PyCategoricalDecoder::counted(coded, raw_len as u64, symbols, &self.job);
        let decoder = Bound::new(py, decoder)?;
        self.coder.bind(py).call_method1("decode", (tokens, decoder))?.extract()
    }
}

impl Codec for PyCodec {
    fn description(&self) -> Description {
        Description::LanguageModel(self.description.clone())
    }

    fn block_len(&self) -> usize {
        BLOCK
    }

    fn encode(&mut self, raw: &[u8], _last: bool, job: &Job) -> Result<Coded> {
        if let Some(coded) = Python::attach(|py| self.encode_text(py, raw)).map_err(model_error)? {
            return Ok(coded);
        }
        job.add(raw.len() as u64);
        let bytes = zstd::bulk::compress(raw, LEVEL);
        let bytes = bytes.map_err(|error| Error::Code(format!("zstd failed: {error}")))?;
        let predicted_bits = 8.0 * bytes.len() as f64;
        Ok(Coded { method: ZSTD, bytes, predicted_bits })
    }

    fn decode(&mut self, method: u8, coded: &[u8], raw_len: usize, job: &Job) -> Result<Vec<u8>> {
        if method == ZSTD {
            job.add(raw_len as u64);
            return zstd::bulk::decompress(coded, raw_len)
                .map_err(|error| Error::Code(format!("zstd cannot decode it: {error}")));
        }
        let (tokens, coded) = compress::split_streams(coded, raw_len)?;
        Python::attach(|py| self.decode_text(py, tokens, coded, raw_len)).map_err(model_error)
    }
}

/// Compresses a file losslessly.
///
/// Args:
///     source: The file to read; `-` is standard input.
///     target: The file to write, which appears only when it is complete; `-` is standard output.
///     model: `tree:D`, `static:D` or the file of a saved tree model. With a `coder`: the JSON
///         description of its model.
///     coder: Codes text with a language model. `encode(text, encoder)` passes tokens to the
///         encoder and returns the number of tokens in each stream, or None if the model cannot
///         reproduce the text.
///     overwrite: Whether to replace an existing target.
///     threads: Number of blocks coded at once with `static:D`; None: one per core.
///     progress: Called about ten times a second with a `Step` that counts bytes of text.
///
/// Returns:
///     Bytes of text, bytes of the file, bytes of the file that describe the model, and the code
///     length in bits that the model predicted.
///
/// Raises:
///     InvalidArgumentError: The model is not one of these, or the target exists.
///     ModelError: The file is not a saved tree model.
///     OSError: A file cannot be read or written.
#[pyfunction]
#[pyo3(name = "compress", signature = (
    source, target, model, *, coder=None, overwrite=false, threads=None, progress=None
))]
#[allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.
pub(super) fn compress_file(
    py: Python<'_>,
    source: PathBuf,
    target: PathBuf,
    model: String,
    coder: Option<StreamCoder>,
    overwrite: bool,
    threads: Option<usize>,
    progress: Option<Progress>,
) -> PyResult<(u64, u64, u64, f64)> {
    let threads = job::threads(threads);
    let coding: Coding = job::run_shared(py, progress, |job| {
        let mut codec: Box<dyn Codec> = match coder {
            Some(coder) => Box::new(PyCodec { coder, description: model, job: Arc::clone(job) }),
            None => compress::codec(&model, DEFAULT_MEMORY, threads, job)?,
        };
        job::pool(Some(threads))?
            .install(|| compress::compress_file(&source, &target, &mut *codec, overwrite, job))
    })?;
    Ok((coding.raw_bytes, coding.coded_bytes, coding.description_bytes, coding.predicted_bits))
}

/// Decompresses a file that `compress` wrote.
///
/// Args:
///     source: The file to read; `-` is standard input.
///     target: The file to write, which appears only when it is complete; `-` is standard output.
///     model: The file of the saved tree model that the text was coded with; None for other models.
///     open: Called with the JSON description of a language model; returns an object whose
///         `decode(tokens, decoder)` reads that many tokens of each stream from the decoder and
///         returns the text.
///     overwrite: Whether to replace an existing target.
///     threads: Number of blocks decoded at once with `static:D`; None: one per core.
///     progress: Called about ten times a second with a `Step` that counts bytes of text; the total
///         is unknown.
///
/// Raises:
///     InvalidArgumentError: The target exists.
///     CodedFileError: The file is damaged, has another format or was coded with another model.
///     ModelError: `model` is not a saved tree model.
///     OSError: A file cannot be read or written.
#[pyfunction]
#[pyo3(
    name = "decompress",
    signature = (
        source, target, *, model=None, open, overwrite=false, threads=None, progress=None
    )
)]
#[allow(clippy::too_many_arguments)] // Keyword arguments of one Python call.
pub(super) fn decompress_file(
    py: Python<'_>,
    source: PathBuf,
    target: PathBuf,
    model: Option<String>,
    open: OpenStreamCoder,
    overwrite: bool,
    threads: Option<usize>,
    progress: Option<Progress>,
) -> PyResult<()> {
    let threads = job::threads(threads);
    job::run_shared(py, progress, |job| {
        let decoder = |description: &Description| -> Result<Box<dyn Codec>> {
            let Description::LanguageModel(json) = description else {
                return compress::decoder(description, model.as_deref(), threads, job);
            };
            let coder = Python::attach(|py| open.call1(py, (json,))).map_err(model_error)?;
            Ok(Box::new(PyCodec { coder, description: json.clone(), job: Arc::clone(job) }))
        };
        // Only `static:D` uses the pool.
        job::pool(Some(threads))?
            .install(|| compress::decompress_file(&source, &target, decoder, overwrite, job))
    })
}

/// Reads which language model a file was coded with.
///
/// Args:
///     source: A file that `compress` wrote.
///
/// Returns:
///     The JSON description; None for other models, and for standard input and pipes, which can be
///     read only once.
///
/// Raises:
///     CodedFileError: The file is damaged or has another format.
///     OSError: The file cannot be read.
#[pyfunction]
pub(super) fn describe_file(source: PathBuf) -> Result<Option<String>> {
    Ok(match compress::describe_file(&source, &Job::default())? {
        Some(Description::LanguageModel(json)) => Some(json),
        _ => None,
    })
}
