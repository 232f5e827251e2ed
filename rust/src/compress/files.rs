//! Compresses and decompresses whole files; `-` is standard input or output.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;

use super::codec::{Codec, Coding, Description, compress, decompress, describe};
use crate::io::{Output, Stdin};
use crate::{Error, Job, Phase, Result};

/// Compresses the file `source` into `target`, which appears only when it is complete.
///
/// Without `overwrite`, fails if there is a file.
pub fn compress_file(
    source: &Path,
    target: &Path,
    codec: &mut dyn Codec,
    overwrite: bool,
    job: &Job,
) -> Result<Coding> {
    let (input, size) = open(source, job)?;
    let output = Output::create(target, overwrite, job)?;
    job.start(Phase::Compress, size);
    let from = (input, name(source));
    let to = (BufWriter::new(output.writer()?), output.name());
    let coding = compress(from, to, codec, job)?;
    output.publish()?;
    Ok(coding)
}

/// Decompresses the file `source` into `target`, which appears only when it is complete.
///
/// `decoder` returns the codec for a description. Without `overwrite`, fails if there is a file.
pub fn decompress_file(
    source: &Path,
    target: &Path,
    decoder: impl FnOnce(&Description) -> Result<Box<dyn Codec>>,
    overwrite: bool,
    job: &Job,
) -> Result<()> {
    let (input, _) = open(source, job)?;
    let output = Output::create(target, overwrite, job)?;
    job.start(Phase::Decompress, 0);
    let from = (input, name(source));
    let to = (BufWriter::new(output.writer()?), output.name());
    decompress(from, to, decoder, job)?;
    output.publish()
}

/// The description of a file that [`compress_file`] wrote; None for a stream, which can be read only
/// once.
pub fn describe_file(source: &Path, job: &Job) -> Result<Option<Description>> {
    let is_file = std::fs::metadata(source).is_ok_and(|metadata| metadata.is_file());
    if is_stream(source) || !is_file {
        return Ok(None);
    }
    let (input, _) = open(source, job)?;
    describe(input, source).map(Some)
}

fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// How error messages name the source.
fn name(path: &Path) -> &Path {
    if is_stream(path) { Path::new("standard input") } else { path }
}

/// Opens a file for reading; returns it with its size (0: unknown).
fn open<'a>(path: &Path, job: &'a Job) -> Result<(Box<dyn Read + 'a>, u64)> {
    if is_stream(path) {
        return Ok((Box::new(BufReader::new(Stdin::new(job))), 0));
    }
    let file = File::open(path).map_err(Error::io(path))?;
    let metadata = file.metadata().map_err(Error::io(path))?;
    if metadata.is_dir() {
        let reason = format!("{} is a folder: name a file to read", path.display());
        return Err(Error::InvalidArgument(reason));
    }
    Ok((Box::new(BufReader::new(file)), metadata.len()))
}
