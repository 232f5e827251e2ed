//! Token ids of a Hugging Face `tokenizer.json`, identical to those of the `tokenizers` package.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::{growth, regex};
use crate::io::catch;
use crate::{Error, Job, Result};

/// A tokenizer, shared between threads.
#[derive(Debug, Clone)]
pub struct Bpe {
    tokenizer: Arc<Tokenizer>,
    vocabulary: u32,
    fingerprint: String,
    json: Arc<[u8]>,
}

/// Bytes of a text that is encoded on another thread, as a regular expression that reads the text
/// again from each of its positions can take minutes without a step back; for shorter ones such a
/// thread is not worth its while.
const LONG: usize = 32 << 10;
/// How long the encoding of such a text may take, and for each of its MiB in addition: at least 50
/// times as long as the tokenizers of large models take.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(60));
/// How often to check whether the job was stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long the encoding of a text of so many bytes may take.
fn patience(bytes: usize) -> Duration {
    let (least, per_mib) = PATIENCE;
    least + per_mib.mul_f64(bytes as f64 / (1 << 20) as f64)
}

/// Runs `work` on another thread, which is left to itself if the job is stopped or it takes longer
/// than `patience`; an `Err` says why there is no result.
fn abandonable<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    job: &Job,
    patience: Duration,
) -> std::result::Result<T, String> {
    let (sender, result) = bounded(1);
    // The receiver is gone if the thread was left to itself.
    let work = move || drop(sender.send(work()));
    thread::Builder::new().spawn(work).map_err(|error| Error::thread(error).to_string())?;
    // Counts its own waits, so that time in which the whole process was suspended does not count.
    let mut waited = Duration::ZERO;
    loop {
        job.check().map_err(|error| error.to_string())?;
        match result.recv_timeout(POLL_INTERVAL) {
            Err(RecvTimeoutError::Timeout) => waited += POLL_INTERVAL,
            result => return result.map_err(|error| error.to_string()),
        }
        if waited >= patience {
            return Err(format!(
                "the tokenizer takes longer than {} s for its text",
                patience.as_secs()
            ));
        }
    }
}

/// Runs `work` in the tokenizers library, which panics on some files and texts.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    catch(work).unwrap_or_else(|panic| {
        Err(match regex::limit(&panic) {
            Some(reason) => reason.into(),
            None => "its parts do not fit together".into(),
        })
    })
}

impl Bpe {
    /// The longest `tokenizer.json` in bytes; those of large models have 35 MB.
    pub(crate) const MAX_JSON: u64 = 256 << 20;

    /// Loads a `tokenizer.json`.
    ///
    /// Truncation and padding are disabled, so every token of a text counts. The string of a
    /// special token within a text is plain text.
    pub fn open(path: &Path) -> Result<Bpe> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(Self::MAX_JSON + 1).read_to_end(&mut bytes))
            .map_err(Error::io(path))?;
        Bpe::from_json(path, bytes)
    }

    /// Loads a tokenizer from the bytes of a `tokenizer.json`; errors name `path`.
    pub(crate) fn from_json(path: &Path, bytes: Vec<u8>) -> Result<Bpe> {
        let unusable = |error: tokenizers::Error| Error::Tokenizer {
            path: path.to_path_buf(),
            reason: error.to_string(),
        };
        if bytes.len() as u64 > Self::MAX_JSON {
            let reason = format!("it is longer than {} MiB", Self::MAX_JSON >> 20);
            return Err(unusable(reason.into()));
        }
        regex::set_limits();
        let mut tokenizer = guarded(|| Tokenizer::from_bytes(&bytes)).map_err(unusable)?;
        let normalizer = serde_json::to_value(tokenizer.get_normalizer());
        let normalizer = normalizer.map_err(|error| unusable(error.into()))?;
        if let Some(reason) = growth::excess(&normalizer) {
            return Err(unusable(reason.into()));
        }
        tokenizer.with_truncation(None).map_err(unusable)?;
        tokenizer.with_padding(None);
        tokenizer.set_encode_special_tokens(true);
        let highest = tokenizer.get_vocab(true).into_values().max();
        let vocabulary = highest
            .ok_or("it has no tokens")
            .and_then(|id| id.checked_add(1).ok_or("its highest id does not fit in 32 bits"))
            .map_err(|reason| unusable(reason.into()))?;
        let digest = Sha256::digest(&bytes);
        let fingerprint = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Bpe { tokenizer: Arc::new(tokenizer), vocabulary, fingerprint, json: bytes.into() })
    }

    /// The bytes of the `tokenizer.json`.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// The highest id plus one, including added tokens.
    pub fn vocabulary(&self) -> u32 {
        self.vocabulary
    }

    /// The first 16 hexadecimal digits of the file's SHA-256.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The ids of `text`, without special tokens; an `Err` states why it cannot be encoded, which
    /// means nothing once the job was stopped.
    pub fn encode(&self, text: &[u8], job: &Job) -> std::result::Result<Vec<u32>, String> {
        let text = std::str::from_utf8(text).map_err(|error| {
            format!(
                "invalid UTF-8 at byte {} of the text, which a tokenizer cannot encode; use \
                 `alphabet=\"byte\"`",
                error.valid_up_to()
            )
        })?;
        let ids = |tokenizer: &Tokenizer, text: &str| {
            let encoding = guarded(|| tokenizer.encode_fast(text, false));
            encoding.map(|encoding| encoding.get_ids().to_vec()).map_err(|error| error.to_string())
        };
        if text.len() < LONG {
            return regex::undisturbed(|| ids(&self.tokenizer, text), job);
        }
        regex::undisturbed(
            || {
                let (tokenizer, text) = (Arc::clone(&self.tokenizer), text.to_string());
                let patience = patience(text.len());
                abandonable(move || ids(&tokenizer, &text), job, patience).unwrap_or_else(Err)
            },
            job,
        )
    }

    /// Decodes ids to text, including special tokens; invalid UTF-8 is replaced.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        guarded(|| self.tokenizer.decode(ids, false)).map_err(|error| {
            Error::InvalidArgument(format!("cannot decode the token ids: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_takes_too_long_is_left() {
        let job = Job::default();
        let (stop, stopped) = bounded::<()>(0);
        let endless = move || stopped.recv().is_err();
        let reason = abandonable(endless, &job, 2 * POLL_INTERVAL).unwrap_err();
        assert_eq!(reason, "the tokenizer takes longer than 0 s for its text");
        drop(stop);
        assert_eq!(abandonable(|| 7, &job, 2 * POLL_INTERVAL).unwrap(), 7);
        assert_eq!(patience(512 << 10), Duration::from_secs(60));
    }
}
