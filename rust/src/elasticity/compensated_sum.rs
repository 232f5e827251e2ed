//! Sums whose rounding error does not grow with the number of terms.

/// Neumaier's compensated sum, since slopes are small differences of sums over millions of leaves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CompensatedSum {
    sum: f64,
    lost: f64,
}

impl CompensatedSum {
    #[inline]
    pub(super) fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.lost += if self.sum.abs() >= term.abs() {
            (self.sum - sum) + term
        } else {
            (term - sum) + self.sum
        };
        self.sum = sum;
    }

    pub(super) fn value(self) -> f64 {
        // An infinite term makes the correction NaN.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_survive_cancellation() {
        let mut sum = CompensatedSum::default();
        [1.0, 1e100, 1.0, -1e100].iter().for_each(|&term| sum.add(term));
        assert_eq!(sum.value(), 2.0);
    }

    #[test]
    fn an_infinite_term_gives_an_infinite_sum() {
        let mut sum = CompensatedSum::default();
        [1.0, f64::INFINITY, 1.0].iter().for_each(|&term| sum.add(term));
        assert_eq!(sum.value(), f64::INFINITY);
    }
}
