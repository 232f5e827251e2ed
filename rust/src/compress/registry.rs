//! Codecs by the name of their model, and by the description in a file.

use std::path::Path;

use super::codec::{Codec, Description};
use super::static_codec::StaticCodec;
use super::tree_codec::TreeCodec;
use crate::model::TreeModel;
use crate::tokens::Alphabet;
use crate::{Error, Job, Result};

/// The codec for `tree:D`, `static:D`, or the file of a saved tree model.
///
/// `memory` is the size of a new tree model in bytes; `threads` applies to `static`.
pub fn codec(spec: &str, memory: u64, threads: usize, job: &Job) -> Result<Box<dyn Codec>> {
    let depth = |depth: &str| {
        depth.parse::<usize>().map_err(|_| {
            let reason = format!("{spec}: the depth must be a number, as in tree:8 or static:4");
            Error::InvalidArgument(reason)
        })
    };
    match spec.split_once(':') {
        Some(("tree", after)) => Ok(Box::new(TreeCodec::new(depth(after)?, memory)?)),
        Some(("static", after)) => Ok(Box::new(StaticCodec::new(depth(after)?, threads)?)),
        _ => Ok(Box::new(saved(spec, job)?)),
    }
}

/// The decoder for a `description`, except for language models, which the caller provides.
///
/// `model` is the file of the saved tree model if the text was coded with one; a model that differs
/// from the description is rejected.
pub fn decoder(
    description: &Description,
    model: Option<&str>,
    threads: usize,
    job: &Job,
) -> Result<Box<dyn Codec>> {
    let wrong_model =
        |model: &str| Error::Code(format!("it was coded with {description}, not {model}"));
    match (description, model) {
        (Description::SavedTree { .. }, Some(model))
            if model.starts_with("tree:") || model.starts_with("static:") =>
        {
            Err(wrong_model(model))
        }
        (&Description::SavedTree { identity, revision }, Some(model)) => {
            let codec = saved(model, job)?;
            if codec.description() != (Description::SavedTree { identity, revision }) {
                return Err(wrong_model(model));
            }
            Ok(Box::new(codec))
        }
        (Description::SavedTree { .. }, None) => Err(Error::Code(format!(
            "it was coded with {description}; pass that model with `model`"
        ))),
        (Description::LanguageModel(_), _) => Err(wrong_model("a built-in model")),
        (_, Some(model)) if model != description.to_string() => Err(wrong_model(model)),
        (&Description::Static { depth }, _) => {
            Ok(Box::new(StaticCodec::new(depth as usize, threads)?))
        }
        (&Description::Tree { depth, memory, revision }, _) => {
            Ok(Box::new(TreeCodec::open(depth as usize, memory, revision)?))
        }
    }
}

fn saved(path: &str, job: &Job) -> Result<TreeCodec> {
    let (model, alphabet) = TreeModel::load(Path::new(path), job)?;
    if !matches!(alphabet, Alphabet::Byte) {
        return Err(Error::InvalidArgument(format!(
            "{path}: the model uses a tokenizer; only tree models of bytes can compress"
        )));
    }
    let identity = model.identity(&alphabet, job)?;
    Ok(TreeCodec::resume(model, &identity))
}
