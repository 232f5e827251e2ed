//! Several token trees in, the rates of each dataset under their joint code out, and how those
//! rates change with a dataset's volume: the elasticity theorem (Thm 4.2), made exact.
//!
//! With datasets of leaf distributions `P_i` and volumes `w_i`, `W = sum_i w_i`, the joint tree
//! has the leaf distribution `q = sum_i w_i P_i / W`. Everything here follows from how often each
//! leaf occurs in each tree, whatever the leaf: from the [`JointSpectrum`], which one merge join
//! of the trees finds for all depths. [`JointSpectrum::rates`] then takes any number of volumes
//! without a look at the trees.

mod gather;
mod huffman;
mod rates;
mod spectrum;
mod sum;

pub use rates::Rates;
pub use spectrum::{JointLayer, JointSpectrum};
