//! Token trees of massive corpora, the codes they buy and the rates that follow.
//!
//! Data moves one way through the modules:
//! files → [`corpus`] → documents → [`tokens`] → symbols → [`tree`] → token tree →
//! [`code`] → code lengths and rates; several trees → [`elasticity`] → joint rates and how they
//! change with a dataset's volume. The definitions are those of Ji et al.,
//! *Language Models Resist Alignment: Evidence From Data Compression* (ACL 2025).

mod aside;
pub mod code;
pub mod corpus;
pub mod elasticity;
mod error;
mod guard;
mod job;
mod machine;
pub mod mass;
pub mod model;
#[cfg(feature = "python")]
mod python;
pub mod tokens;
pub mod tree;

pub use error::{Error, Result};
pub use job::{Job, Phase};
pub use machine::available_memory;
