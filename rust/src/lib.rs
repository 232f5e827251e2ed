//! Token trees of massive corpora, codes built from them, and compression rates.
//!
//! Data moves one way through the modules:
//! files → [`corpus`] → documents → [`tokens`] → symbols → [`tree`] → token tree → [`code`] → code
//! lengths → [`statistics`] → rates. Several trees → [`elasticity`] → joint rates and their
//! derivatives by a dataset's volume. [`model`] predicts symbols adaptively; [`compress`] writes
//! files with any of these codes. A module imports only from those before it: [`io`], [`tokens`],
//! [`corpus`], [`tree`], [`code`], [`model`], [`statistics`], [`elasticity`], [`compress`].
//! The definitions are those of Ji et al.,
//! *Language Models Resist Alignment: Evidence From Data Compression* (ACL 2025).

pub mod code;
pub mod compress;
pub mod corpus;
pub mod elasticity;
mod error;
pub mod io;
mod job;
mod memory;
pub mod model;
#[cfg(feature = "python")]
mod python;
pub mod statistics;
pub mod tokens;
pub mod tree;

pub use error::{Error, Result};
pub use job::{Job, Phase, thread_pool};
pub use memory::{available_memory, check_memory};
