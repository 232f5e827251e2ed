//! The file of a tree model: everything it has learned, with a checksum.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `89 45 43 54 4D 0D 0A 1A`, the signature of a tree model |
//! | 4 | version of the format, little-endian like all numbers |
//! | 4 | length of the header |
//! | ... | header in JSON: depth, vocabulary, memory, alphabet and other single values |
//! | ... | a zstd stream: the `tokenizer.json`, if any, and the tables |
//! | 32 | SHA-256 of all preceding bytes, which identifies the model |

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::context::MAX_DEPTH;
use super::tree_model::TreeModel;
use crate::io::Output;
use crate::tokens::{Alphabet, Bpe};
use crate::{Error, Job, Phase, Result};

#[cfg(target_endian = "big")]
compile_error!("tables are written as stored in memory, which must be little-endian");

const MAGIC: [u8; 8] = *b"\x89ECTM\r\n\x1a";
const VERSION: u32 = 1;
const DIGEST: u64 = 32;
/// Number of bytes between two checks whether to stop.
const PART: usize = 1 << 22;
/// The smallest number of bytes that the system provides at once.
const PAGE: usize = 1 << 12;
static ZEROS: [u8; PAGE] = [0; PAGE];
/// Tables of at least this size, those of contexts, start as zeros.
const LARGE: usize = 1 << 20;
/// The longest header in bytes.
const MAX_HEADER: u64 = 1 << 16;
/// The largest number of symbols or decisions that can have been learned.
const MAX_LEARNED: u64 = 1 << 60;

impl TreeModel {
    /// Writes the model, whose symbols are those of `alphabet`, to a file that appears only when
    /// it is complete, in place of an existing one; `-` is standard output.
    pub fn save(&self, path: &Path, alphabet: &Alphabet, job: &Job) -> Result<()> {
        let output = Output::create(path, true, job)?;
        let path = output.name();
        let mut file = BufWriter::new(output.writer()?);
        let digest = self.write(&mut file, path, alphabet, job)?;
        file.write_all(&digest).and_then(|()| file.flush()).map_err(Error::io(path))?;
        output.publish()
    }

    /// The checksum with which [`TreeModel::save`] would end the file, in hexadecimal; it
    /// identifies the model.
    pub fn identity(&self, alphabet: &Alphabet, job: &Job) -> Result<String> {
        let digest = self.write(&mut io::sink(), Path::new("a tree model"), alphabet, job)?;
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Loads a model and its alphabet from a file and checks that it is complete and of this
    /// version.
    pub fn load(path: &Path, job: &Job) -> Result<(TreeModel, Alphabet)> {
        let fault = |reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        let broken =
            || fault("a damaged tree model: its contents are inconsistent; save it again".into());
        let mut file = BufReader::new(File::open(path).map_err(Error::io(path))?);
        let mut fixed = [0; 16];
        let read = file.read_exact(&mut fixed);
        if read.is_err() || fixed[..8] != MAGIC {
            return Err(fault("not a saved tree model".into()));
        }
        let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| fixed[at + i]));
        if number(8) != VERSION {
            return Err(fault(format!(
                "a tree model in format {}, but this version reads format {VERSION}; save it again",
                number(8)
            )));
        }
        // The checksum is verified before anything in the file is used.
        let body = check(&mut file, job).map_err(Error::io(path))?;
        job.check()?;
        let body = body.ok_or_else(broken)?;
        let header = u64::from(number(12));
        let tables = (header <= MAX_HEADER).then(|| body.checked_sub(16 + header)).flatten();
        let tables = tables.ok_or_else(broken)?;
        file.seek(io::SeekFrom::Start(16)).map_err(Error::io(path))?;
        let header = read_bytes(&mut file, header).map_err(|_| broken())?;
        let header: Value = serde_json::from_slice(&header).map_err(|_| broken())?;
        let number = |key: &str, most: u64| {
            header[key].as_u64().filter(|&number| number <= most).ok_or_else(broken)
        };
        let vocabulary = number("vocabulary", u32::MAX.into())? as u32;
        let depth = number("depth", MAX_DEPTH as u64)? as usize;
        let stream = zstd::Decoder::with_buffer(file.take(tables));
        let mut stream = stream.map_err(Error::io(path))?;
        let tokenizer = number("tokenizer_bytes", Bpe::MAX_JSON)?;
        let tokenizer = read_bytes(&mut stream, tokenizer).map_err(|_| broken())?;
        let name = header["alphabet"].as_str().ok_or_else(broken)?;
        let alphabet = match name {
            "byte" => Alphabet::Byte,
            _ => Alphabet::Bpe(Bpe::from_json(path, tokenizer)?),
        };
        // The size of the tables follows from the vocabulary.
        if alphabet.identity() != name || alphabet.vocabulary() != vocabulary {
            return Err(broken());
        }
        let model = TreeModel::new(depth, vocabulary, number("memory", u64::MAX)?);
        let mut model = model.map_err(|error| fault(error.to_string()))?;
        model.decisions.learned = number("learned", MAX_LEARNED)?;
        model.history.written = number("written", MAX_LEARNED)?;
        model.draws = number("draws", MAX_LEARNED)?;
        job.start(Phase::Open, model.tables_mut().iter().map(|table| table.len() as u64).sum());
        let mut buffer = vec![0; 16 * PAGE];
        for table in model.tables_mut() {
            let is_empty = table.len() >= LARGE;
            for part in table.chunks_mut(PART) {
                job.check()?;
                for part in part.chunks_mut(buffer.len()) {
                    let read = &mut buffer[..part.len()];
                    stream.read_exact(read).map_err(|_| broken())?;
                    // Memory that is not touched takes no space and no time.
                    for (page, read) in part.chunks_mut(PAGE).zip(read.chunks(PAGE)) {
                        if !is_empty || *read != ZEROS[..read.len()] {
                            page.copy_from_slice(read);
                        }
                    }
                }
                job.add(part.len() as u64);
            }
        }
        if model.ends.is_consistent() { Ok((model, alphabet)) } else { Err(broken()) }
    }

    /// Writes everything except the checksum, and returns the checksum.
    fn write(
        &self,
        file: &mut impl Write,
        path: &Path,
        alphabet: &Alphabet,
        job: &Job,
    ) -> Result<[u8; DIGEST as usize]> {
        let tokenizer = match alphabet {
            Alphabet::Bpe(bpe) => bpe.json(),
            _ => &[],
        };
        let header = json!({
            "depth": self.depth(),
            "vocabulary": self.vocabulary(),
            "memory": self.memory(),
            "alphabet": alphabet.identity(),
            "tokenizer_bytes": tokenizer.len(),
            "learned": self.decisions.learned,
            "written": self.history.written,
            "draws": self.draws,
        });
        let header = header.to_string();
        let mut file = Hashing { file, digest: Sha256::new() };
        let tables = self.tables();
        job.start(Phase::Write, tables.iter().map(|table| table.len() as u64).sum());
        let write = |file: &mut Hashing<_>| {
            file.write_all(&MAGIC)?;
            file.write_all(&VERSION.to_le_bytes())?;
            file.write_all(&(header.len() as u32).to_le_bytes())?;
            file.write_all(header.as_bytes())?;
            let mut stream = zstd::Encoder::new(&mut *file, 1)?;
            stream.write_all(tokenizer)?;
            for part in tables.iter().flat_map(|table| table.chunks(PART)) {
                if job.check().is_err() {
                    return Ok(());
                }
                stream.write_all(part)?;
                job.add(part.len() as u64);
            }
            stream.finish()?.flush()
        };
        write(&mut file).map_err(Error::io(path))?;
        job.check()?;
        Ok(file.digest.finalize().into())
    }

    /// The learned tables as bytes.
    fn tables(&self) -> Vec<&[u8]> {
        let decisions = &self.decisions;
        let mut tables: Vec<&[u8]> = vec![
            bytemuck::cast_slice(self.slots.as_slots()),
            bytemuck::cast_slice(decisions.refinement.as_flat()),
            bytemuck::cast_slice(&decisions.calibration),
            bytemuck::cast_slice(&decisions.trust),
            bytemuck::cast_slice(&self.history.symbols),
            bytemuck::cast_slice(&self.history.index),
        ];
        tables.extend(decisions.weights.iter().map(|set| bytemuck::cast_slice(set)));
        tables.extend(self.ends.counts.iter().map(|counts| bytemuck::cast_slice(counts)));
        tables
    }

    /// The same tables in the same order, for reading into.
    fn tables_mut(&mut self) -> Vec<&mut [u8]> {
        let decisions = &mut self.decisions;
        let mut tables: Vec<&mut [u8]> = vec![
            bytemuck::cast_slice_mut(self.slots.as_mut_slots()),
            bytemuck::cast_slice_mut(decisions.refinement.as_mut_flat()),
            bytemuck::cast_slice_mut(&mut decisions.calibration),
            bytemuck::cast_slice_mut(&mut decisions.trust),
            bytemuck::cast_slice_mut(&mut self.history.symbols),
            bytemuck::cast_slice_mut(&mut self.history.index),
        ];
        tables.extend(decisions.weights.iter_mut().map(|set| bytemuck::cast_slice_mut(set)));
        tables.extend(self.ends.counts.iter_mut().map(|counts| bytemuck::cast_slice_mut(counts)));
        tables
    }
}

/// Hashes bytes while writing them.
struct Hashing<'a, W> {
    file: &'a mut W,
    digest: Sha256,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The length of a file without its checksum; None if the checksum is wrong.
fn check(file: &mut BufReader<File>, job: &Job) -> io::Result<Option<u64>> {
    let size = file.get_ref().metadata()?.len();
    let Some(body) = size.checked_sub(DIGEST) else { return Ok(None) };
    job.start(Phase::Open, body);
    file.rewind()?;
    let mut digest = Sha256::new();
    let mut left = body;
    while left > 0 && job.check().is_ok() {
        let part = read_bytes(file, left.min(PART as u64))?;
        digest.update(&part);
        job.add(part.len() as u64);
        left -= part.len() as u64;
    }
    let expected = read_bytes(file, DIGEST)?;
    Ok((digest.finalize()[..] == expected[..]).then_some(body))
}

/// Reads exactly `length` bytes, without trusting the length for allocation.
fn read_bytes(reader: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}
