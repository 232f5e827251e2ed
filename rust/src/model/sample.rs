//! Distributions of the next symbol, and samples from them.

use rayon::prelude::*;

use super::context::{Context, mix};
use super::tree_model::TreeModel;
use crate::{Error, Job, Result};

impl TreeModel {
    /// The distribution of the next symbol after each context: `vocabulary + 1` probabilities, EOS
    /// last. Only the last d symbols of a context matter. Runs on the current rayon pool.
    pub fn next_distribution<T: Copy + Into<u32> + Sync>(
        &self,
        contexts: &[&[T]],
        job: &Job,
    ) -> Result<Vec<Vec<f32>>> {
        self.check(contexts)?;
        contexts
            .par_iter()
            .map(|symbols| {
                job.check()?;
                let row = self.distribution(&self.context_after(symbols));
                Ok(row.into_iter().map(|p| p as f32).collect())
            })
            .collect()
    }

    /// Continues each prompt by at most `n` symbols, up to EOS, which is not included.
    ///
    /// Symbols are drawn with probability proportional to `p^(1 / temperature)`; at temperature 0
    /// the most probable one is taken. The random sequence depends only on the seed and the
    /// prompt's index, not on threads.
    pub fn sample<T: Copy + Into<u32> + Sync>(
        &self,
        prompts: &[&[T]],
        n: usize,
        temperature: f64,
        seed: u64,
        job: &Job,
    ) -> Result<Vec<Vec<u32>>> {
        if !(temperature >= 0.0 && temperature.is_finite()) {
            let reason = format!("temperature {temperature}: must be 0 or more");
            return Err(Error::InvalidArgument(reason));
        }
        self.check(prompts)?;
        prompts
            .par_iter()
            .enumerate()
            .map(|(number, prompt)| {
                let mut random = mix(mix(seed, 1), number as u64);
                let mut context = self.context_after(prompt);
                let mut sample = Vec::new();
                while sample.len() < n {
                    job.check()?;
                    random = mix(random, 2);
                    let at = (random >> 11) as f64 / (1u64 << 53) as f64;
                    let symbol = draw(&self.distribution(&context), temperature, at);
                    if symbol == self.vocabulary() {
                        break;
                    }
                    sample.push(symbol);
                    context.push(symbol);
                }
                Ok(sample)
            })
            .collect()
    }

    fn context_after<T: Copy + Into<u32>>(&self, symbols: &[T]) -> Context {
        let mut context = self.empty_context();
        let seen = symbols.len().saturating_sub(self.depth());
        symbols[seen..].iter().for_each(|&symbol| context.push(symbol.into()));
        context
    }
}

/// The symbol at quantile `at`, from 0 to 1, of a distribution with temperature applied.
fn draw(distribution: &[f64], temperature: f64, at: f64) -> u32 {
    let best = distribution.iter().copied().fold(0.0, f64::max);
    let weight = |p: f64| {
        if temperature == 1.0 {
            p
        } else if temperature == 0.0 {
            f64::from(u8::from(p == best))
        } else {
            libm::pow(p / best, 1.0 / temperature)
        }
    };
    let total: f64 = distribution.iter().map(|&p| weight(p)).sum();
    let mut left = at * total;
    for (symbol, &p) in distribution.iter().enumerate() {
        left -= weight(p);
        if left < 0.0 {
            return symbol as u32;
        }
    }
    // Reached only through rounding.
    distribution.iter().rposition(|&p| weight(p) > 0.0).unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_temperature() {
        let distribution = [0.2, 0.5, 0.3];
        assert_eq!(draw(&distribution, 1.0, 0.1), 0);
        assert_eq!(draw(&distribution, 1.0, 0.6), 1);
        assert_eq!(draw(&distribution, 1.0, 0.9), 2);
        assert_eq!(draw(&distribution, 0.0, 0.0), 1);
        assert_eq!(draw(&distribution, 0.0, 0.999), 1);
        assert_eq!(draw(&distribution, 0.01, 0.999), 1);
        assert_eq!(draw(&distribution, 1e6, 0.34), 1);
    }
}
