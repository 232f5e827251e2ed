//! Codecs by the name of their model, and by what a file says of it.

use std::path::Path;

use super::adaptive::TreeCodec;
use super::codec::{Codec, Description};
use super::segments::StaticCodec;
use crate::model::TreeModel;
use crate::tokens::Alphabet;
use crate::{Error, Job, Result};

/// The codec of `tree:D`, `static:D`, or of a file with a saved tree model.
///
/// A new tree model takes `memory` bytes; `threads` are of use to `static`.
pub fn codec(spec: &str, memory: u64, threads: usize, job: &Job) -> Result<Box<dyn Codec>> {
    let depth = |depth: &str| {
        depth.parse::<usize>().map_err(|_| {
            let reason = format!("{spec}: write the depth as a number, as in tree:8 or static:4");
            Error::InvalidArgument(reason)
        })
    };
    match spec.split_once(':') {
        Some(("tree", after)) => Ok(Box::new(TreeCodec::new(depth(after)?, memory)?)),
        Some(("static", after)) => Ok(Box::new(StaticCodec::new(depth(after)?, threads)?)),
        _ => Ok(Box::new(saved(spec, job)?)),
    }
}

/// The codec that decodes what `description` says, for all but language models of the caller's.
///
/// `model` is the file of the saved tree model, where the text was coded with one; another model
/// than the description's is refused.
pub fn decoder(
    description: &Description,
    model: Option<&str>,
    threads: usize,
    job: &Job,
) -> Result<Box<dyn Codec>> {
    let refused =
        |model: &str| Error::Code(format!("it was coded with {description}, not {model}"));
    match (description, model) {
        (Description::SavedTree { .. }, Some(model))
            if model.starts_with("tree:") || model.starts_with("static:") =>
        {
            Err(refused(model))
        }
        (&Description::SavedTree { identity, revision }, Some(model)) => {
            let codec = saved(model, job)?;
            if codec.description() != (Description::SavedTree { identity, revision }) {
                return Err(refused(model));
            }
            Ok(Box::new(codec))
        }
        (Description::SavedTree { .. }, None) => {
            Err(Error::Code(format!("it was coded with {description}; name it with --model")))
        }
        (Description::LanguageModel(_), _) => Err(refused("a model that is built in")),
        (_, Some(model)) if model != description.to_string() => Err(refused(model)),
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
            "{path}: its alphabet is that of a tokenizer; to code bytes takes a model of bytes"
        )));
    }
    let identity = model.identity(&alphabet, job)?;
    Ok(TreeCodec::resume(model, &identity))
}
