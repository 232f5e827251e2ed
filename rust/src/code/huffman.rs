//! Optimal prefix code lengths (Huffman), from the spectrum alone.
//!
//! Leaves of equal weight form one class, whose pairs are joined all at once. So the work grows
//! with the number of distinct counts, not with the number of leaves.

use std::collections::VecDeque;

use crate::tree::Spectrum;

/// The code lengths of an optimal code, by class of leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeLengths {
    classes: Vec<LengthClass>,
    total_bits: u128,
}

/// Leaves with the same count and code length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthClass {
    /// The count of each of these leaves.
    pub count: u64,
    /// Length of their codewords in bits.
    pub length: u32,
    /// Number of leaves.
    pub leaves: u64,
}

/// Nodes of equal weight in the Huffman tree under construction.
struct Group {
    weight: u64,
    nodes: u64,
    /// The groups of the two children of each node; None for leaves.
    children: Option<[usize; 2]>,
    /// Pairs of a depth in the finished tree and the number of nodes there.
    depths: Vec<(u32, u64)>,
}

impl CodeLengths {
    /// The lengths of an optimal prefix code for leaves with this spectrum.
    ///
    /// Exact for any counts whose sum fits in 64 bits. A single leaf costs one bit. Lengths of
    /// leaves with the same count differ by at most one, and the shorter ones come first.
    pub fn optimal(spectrum: &Spectrum) -> CodeLengths {
        if spectrum.leaves() <= 1 {
            let single = spectrum.classes().iter().map(|&(count, leaves)| LengthClass {
                count,
                length: 1,
                leaves,
            });
            return CodeLengths {
                classes: single.collect(),
                total_bits: spectrum.segments().into(),
            };
        }
        let mut groups: Vec<Group> = spectrum
            .classes()
            .iter()
            .map(|&(weight, nodes)| Group { weight, nodes, children: None, depths: Vec::new() })
            .collect();
        let leaf_groups = groups.len();
        join(&mut groups);
        descend(&mut groups);
        groups.truncate(leaf_groups);

        let mut classes = Vec::with_capacity(leaf_groups);
        for group in &mut groups {
            group.depths.sort_unstable();
            for &(length, leaves) in &group.depths {
                classes.push(LengthClass { count: group.weight, length, leaves });
            }
        }
        let total_bits = classes
            .iter()
            .map(|class| {
                u128::from(class.count) * u128::from(class.leaves) * u128::from(class.length)
            })
            .sum();
        CodeLengths { classes, total_bits }
    }

    /// Total bits of all segments under the code.
    pub fn total_bits(&self) -> u128 {
        self.total_bits
    }

    /// The classes by increasing count, then increasing length.
    pub fn classes(&self) -> &[LengthClass] {
        &self.classes
    }

    /// Assigns the lengths to leaves, which must be passed in path order.
    pub(crate) fn assign(&self) -> Assignment<'_> {
        Assignment { classes: &self.classes, used: vec![0; self.classes.len()] }
    }
}

/// Assigns code lengths to leaves.
pub(crate) struct Assignment<'a> {
    classes: &'a [LengthClass],
    used: Vec<u64>,
}

impl Assignment<'_> {
    /// The code length of the next leaf with this `count`; `None` if there is no such leaf left.
    pub(crate) fn next(&mut self, count: u64) -> Option<u32> {
        let first = self.classes.partition_point(|class| class.count < count);
        let (at, class) = self.classes[first..]
            .iter()
            .enumerate()
            .take_while(|(_, class)| class.count == count)
            .find(|(at, class)| self.used[first + at] < class.leaves)?;
        self.used[first + at] += 1;
        Some(class.length)
    }
}

/// Huffman's algorithm with two queues, on groups of equal nodes.
fn join(groups: &mut Vec<Group>) {
    let mut leaves: VecDeque<(usize, u64)> =
        groups.iter().enumerate().map(|(index, group)| (index, group.nodes)).collect();
    let mut inner: VecDeque<(usize, u64)> = VecDeque::new();
    loop {
        let Some((a, left)) = pop_lightest(groups, &mut leaves, &mut inner) else { return };
        if left >= 2 {
            // All pairs of this weight are lighter than any node that they form.
            inner.push_back((groups.len(), left / 2));
            groups.push(Group {
                weight: 2 * groups[a].weight,
                nodes: left / 2,
                children: Some([a, a]),
                depths: Vec::new(),
            });
            if left % 2 == 1 {
                let queue = if groups[a].children.is_some() { &mut inner } else { &mut leaves };
                queue.push_front((a, 1));
            }
            continue;
        }
        let Some((b, right)) = pop_lightest(groups, &mut leaves, &mut inner) else { return };
        if right > 1 {
            let queue = if groups[b].children.is_some() { &mut inner } else { &mut leaves };
            queue.push_front((b, right - 1));
        }
        inner.push_back((groups.len(), 1));
        groups.push(Group {
            weight: groups[a].weight + groups[b].weight,
            nodes: 1,
            children: Some([a, b]),
            depths: Vec::new(),
        });
    }
}

fn pop_lightest(
    groups: &[Group],
    leaves: &mut VecDeque<(usize, u64)>,
    inner: &mut VecDeque<(usize, u64)>,
) -> Option<(usize, u64)> {
    match (leaves.front(), inner.front()) {
        (Some(leaf), Some(node)) if groups[node.0].weight < groups[leaf.0].weight => {
            inner.pop_front()
        }
        (Some(_), _) => leaves.pop_front(),
        (None, _) => inner.pop_front(),
    }
}

/// Propagates depths from the root, the last group, to the leaves.
fn descend(groups: &mut [Group]) {
    if let Some(root) = groups.last_mut() {
        root.depths.push((0, 1));
    }
    for index in (0..groups.len()).rev() {
        let Some(children) = groups[index].children else { continue };
        let depths = std::mem::take(&mut groups[index].depths);
        for child in children {
            for &(depth, nodes) in &depths {
                let child = &mut groups[child].depths;
                match child.iter_mut().find(|entry| entry.0 == depth + 1) {
                    Some(entry) => entry.1 += nodes,
                    None => child.push((depth + 1, nodes)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;

    /// The oracle: one heap, one node at a time.
    fn naive_total_bits(counts: &[u64]) -> u128 {
        if counts.len() == 1 {
            return counts[0].into();
        }
        let mut heap: BinaryHeap<Reverse<u64>> =
            counts.iter().map(|&count| Reverse(count)).collect();
        let mut total = 0u128;
        while let (Some(Reverse(a)), Some(Reverse(b))) = (heap.pop(), heap.pop()) {
            total += u128::from(a + b);
            if heap.is_empty() {
                break;
            }
            heap.push(Reverse(a + b));
        }
        total
    }

    #[test]
    fn textbook_example() {
        // Weights 5 9 12 13 16 45: lengths 4 4 3 3 3 1.
        let lengths = CodeLengths::optimal(&Spectrum::from_counts([5, 9, 12, 13, 16, 45]));
        let classes: Vec<(u64, u32)> =
            lengths.classes().iter().map(|class| (class.count, class.length)).collect();
        assert_eq!(classes, [(5, 4), (9, 4), (12, 3), (13, 3), (16, 3), (45, 1)]);
        assert_eq!(lengths.total_bits(), 224);
    }

    #[test]
    fn a_single_leaf_costs_one_bit() {
        assert_eq!(CodeLengths::optimal(&Spectrum::from_counts([7])).total_bits(), 7);
    }

    #[test]
    fn fibonacci_counts_reach_64_bits() {
        let mut counts = vec![1u64, 1];
        while counts.len() < 65 {
            counts.push(counts[counts.len() - 1] + counts[counts.len() - 2]);
        }
        let lengths = CodeLengths::optimal(&Spectrum::from_counts(counts.iter().copied()));
        assert_eq!(lengths.classes().iter().map(|class| class.length).max(), Some(64));
        assert_eq!(lengths.total_bits(), naive_total_bits(&counts));
    }

    proptest! {
        #[test]
        fn agrees_with_the_heap(counts in prop::collection::vec(1u64..40, 1..400)) {
            let lengths = CodeLengths::optimal(&Spectrum::from_counts(counts.iter().copied()));
            prop_assert_eq!(lengths.total_bits(), naive_total_bits(&counts));
            let leaves: u64 = lengths.classes().iter().map(|class| class.leaves).sum();
            prop_assert_eq!(leaves, counts.len() as u64);
            if counts.len() > 1 {
                // The Kraft sum is exactly one.
                let kraft: u128 = lengths
                    .classes()
                    .iter()
                    .map(|class| u128::from(class.leaves) << (100 - class.length))
                    .sum();
                prop_assert_eq!(kraft, 1 << 100);
            }
        }

        #[test]
        fn agrees_on_skewed_counts(exponents in prop::collection::vec(0u32..40, 1..200)) {
            let counts: Vec<u64> = exponents.iter().map(|&e| (1u64 << e) | 1).collect();
            let lengths = CodeLengths::optimal(&Spectrum::from_counts(counts.iter().copied()));
            prop_assert_eq!(lengths.total_bits(), naive_total_bits(&counts));
        }
    }
}
