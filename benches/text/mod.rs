//! Text generated from a seed, so that every run of a benchmark has the same input without files.

// Each benchmark uses only some of these functions.
#![allow(dead_code)]

/// A stream of random numbers (SplitMix64); the same for the same seed on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A rank below `n`, with rank r drawn about as often as 1/r (Zipf's law), like words.
    fn rank(&mut self, n: usize) -> usize {
        let uniform = self.next() as f64 / u64::MAX as f64;
        ((n as f64).powf(uniform) as usize - 1).min(n - 1)
    }
}

/// `len` bytes of lower-case words and line feeds: 30,000 distinct words, common ones shorter.
pub fn text(len: usize, seed: u64) -> Vec<u8> {
    let mut words = Random(0);
    let words: Vec<Vec<u8>> = (0..30_000)
        .map(|rank: u32| {
            let letters = 2 + rank.checked_ilog2().unwrap_or(0) / 2 + (words.next() % 3) as u32;
            (0..letters).map(|_| b"etaoinshrdlucmfwypvbgkqjxz"[words.rank(26)]).collect()
        })
        .collect();
    let mut random = Random(seed);
    let mut text = Vec::with_capacity(len + 32);
    while text.len() < len {
        text.extend_from_slice(&words[random.rank(words.len())]);
        text.push(if random.next().is_multiple_of(12) { b'\n' } else { b' ' });
    }
    text.truncate(len);
    text
}

/// `n` token ids below `vocabulary` that follow Zipf's law.
pub fn ids(n: usize, vocabulary: usize, seed: u64) -> Vec<u16> {
    let mut random = Random(seed);
    (0..n).map(|_| random.rank(vocabulary) as u16).collect()
}

/// The offsets of documents of `len` symbols each in `n` symbols; the last may be shorter.
pub fn offsets(n: usize, len: usize) -> Vec<u64> {
    let starts = (0..n).step_by(len).map(|start| start as u64);
    starts.chain([n as u64]).collect()
}
