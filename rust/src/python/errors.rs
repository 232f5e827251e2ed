//! One Python exception per kind of error; errors of the operating system stay `OSError`.

use std::ffi::CString;

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::Error;

struct Exceptions {
    base: Py<PyType>,
    invalid_argument: Py<PyType>,
    corpus: Py<PyType>,
    tokenizer: Py<PyType>,
    tree_file: Py<PyType>,
    model: Py<PyType>,
    coded_file: Py<PyType>,
}

static EXCEPTIONS: PyOnceLock<Exceptions> = PyOnceLock::new();

impl Exceptions {
    /// Defines the classes in Python, which their `__str__` needs.
    fn new(py: Python<'_>) -> PyResult<Exceptions> {
        let code = CString::new(include_str!("errors.py"))?;
        let module = PyModule::from_code(py, &code, c"errors.py", c"elastic_core._errors")?;
        let class = |name: &str| -> PyResult<Py<PyType>> {
            Ok(module.getattr(name)?.cast_into::<PyType>()?.unbind())
        };
        Ok(Exceptions {
            base: class("ElasticCoreError")?,
            invalid_argument: class("InvalidArgumentError")?,
            corpus: class("CorpusError")?,
            tokenizer: class("TokenizerError")?,
            tree_file: class("TreeFileError")?,
            model: class("ModelError")?,
            coded_file: class("CodedFileError")?,
        })
    }
}

/// Whether an exception is a `CodedFileError`.
pub(super) fn is_coded_file_error(error: &PyErr, py: Python<'_>) -> bool {
    EXCEPTIONS
        .get(py)
        .is_some_and(|exceptions| error.is_instance(py, exceptions.coded_file.bind(py)))
}

/// Adds the exceptions to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let exceptions = EXCEPTIONS.get_or_try_init(py, || Exceptions::new(py))?;
    module.add("ElasticCoreError", exceptions.base.bind(py))?;
    module.add("InvalidArgumentError", exceptions.invalid_argument.bind(py))?;
    module.add("CorpusError", exceptions.corpus.bind(py))?;
    module.add("TokenizerError", exceptions.tokenizer.bind(py))?;
    module.add("TreeFileError", exceptions.tree_file.bind(py))?;
    module.add("ModelError", exceptions.model.bind(py))?;
    module.add("CodedFileError", exceptions.coded_file.bind(py))
}

fn os_error(source: &std::io::Error, path: &std::path::Path) -> PyErr {
    // With an error number Python picks the subclass: FileNotFoundError and so on.
    match source.raw_os_error() {
        Some(number) => {
            let text = source.to_string();
            let text = text.split(" (os error").next().unwrap_or_default().to_string();
            PyOSError::new_err((number, text, path.display().to_string()))
        }
        None => {
            let plain = std::io::Error::new(source.kind(), format!("{}: {source}", path.display()));
            plain.into()
        }
    }
}

impl From<Error> for PyErr {
    fn from(error: Error) -> PyErr {
        Python::attach(|py| {
            let exceptions = match EXCEPTIONS.get_or_try_init(py, || Exceptions::new(py)) {
                Ok(exceptions) => exceptions,
                Err(error) => return error,
            };
            let error = match error {
                Error::Model { source } => match source.downcast::<PyErr>() {
                    Ok(raised) => return *raised,
                    Err(source) => Error::Model { source },
                },
                error => error,
            };
            let kind = match &error {
                Error::Interrupted => return PyKeyboardInterrupt::new_err(()),
                Error::Io { path, source } => return os_error(source, path),
                Error::Temporary { source, .. } => {
                    let number = source.raw_os_error().unwrap_or_default();
                    return PyOSError::new_err((number, error.to_string()));
                }
                Error::Thread { .. } => &exceptions.base,
                Error::InvalidArgument(_) => &exceptions.invalid_argument,
                Error::Corpus { .. } | Error::BadRow { .. } | Error::EmptyCorpus(_) => {
                    &exceptions.corpus
                }
                Error::Tokenizer { .. } => &exceptions.tokenizer,
                Error::TreeFile { .. } => &exceptions.tree_file,
                Error::ModelFile { .. } | Error::Model { .. } => &exceptions.model,
                Error::CodedFile { .. } | Error::Code(_) => &exceptions.coded_file,
            };
            PyErr::from_type(kind.bind(py).clone(), error.to_string())
        })
    }
}
