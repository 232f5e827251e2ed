//! The mass distribution of a corpus: how its probability is spread over the leaves of its tree.
//!
//! Assumption A.7 of the paper says that the probability of a leaf, as a random variable, follows
//! a Pareto law. All that such a law can be tested on is the spectrum.

mod spectrum;

pub use spectrum::Spectrum;
pub(crate) use spectrum::SpectrumBuilder;
