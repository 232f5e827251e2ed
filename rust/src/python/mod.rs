//! The Python module `elastic_core._core`: one file per class, each a thin layer over the core.
//!
//! The stub `python/elastic_core/_core.pyi` is generated from this folder by `make stubs`: names,
//! defaults and docstrings come from the built module, types from the Rust signatures here.

mod arguments;
mod categorical_decoder;
mod categorical_encoder;
mod compression;
mod corpus;
mod depth_statistics;
mod document_batch;
mod errors;
mod functions;
mod job;
mod joint_rates;
mod joint_spectrum;
mod score_writer;
mod static_rate;
mod statistics;
mod token_tree;
mod tree_model;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    module.add_class::<corpus::PyCorpus>()?;
    module.add_class::<document_batch::PyDocumentBatch>()?;
    module.add_class::<score_writer::PyScoreWriter>()?;
    module.add_class::<token_tree::PyTokenTree>()?;
    module.add_class::<statistics::PyStatistics>()?;
    module.add_class::<depth_statistics::PyDepthStatistics>()?;
    module.add_class::<static_rate::PyStaticRate>()?;
    module.add_class::<joint_spectrum::PyJointSpectrum>()?;
    module.add_class::<joint_rates::PyJointRates>()?;
    module.add_class::<tree_model::PyTreeModel>()?;
    module.add_class::<categorical_encoder::PyCategoricalEncoder>()?;
    module.add_class::<categorical_decoder::PyCategoricalDecoder>()?;
    module.add_function(wrap_pyfunction!(compression::compress_file, module)?)?;
    module.add_function(wrap_pyfunction!(compression::decompress_file, module)?)?;
    module.add_function(wrap_pyfunction!(compression::describe_file, module)?)?;
    module.add_function(wrap_pyfunction!(functions::compressed_sizes, module)?)?;
    module.add_function(wrap_pyfunction!(functions::available_memory, module)?)?;
    module.add_function(wrap_pyfunction!(functions::check_memory, module)?)?;
    module.add_function(wrap_pyfunction!(functions::partial_prefix, module)?)?;
    module.add_function(wrap_pyfunction!(functions::remove_leftovers, module)?)
}
