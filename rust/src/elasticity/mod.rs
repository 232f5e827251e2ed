//! Several token trees in, the rates of each dataset under their joint code out, with the exact
//! derivatives of those rates by a dataset's volume: the elasticity theorem (Thm 4.2), made exact.
//!
//! For datasets with leaf distributions `P_i` and volumes `w_i`, `W = sum_i w_i`, the joint tree
//! has the leaf distribution `q = sum_i w_i P_i / W`. Everything here depends only on how often
//! leaves occur in each tree, not on the leaves themselves: on the [`JointSpectrum`], computed for
//! all depths in one merge join of the trees. [`JointSpectrum::rates`] then handles any number of
//! volumes without reading the trees again.

mod class_counter;
mod compensated_sum;
mod huffman;
mod joint_spectrum;
mod rates;

pub use joint_spectrum::{JointLayer, JointSpectrum};
pub use rates::Rates;
