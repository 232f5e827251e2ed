//! Sums whose rounding does not grow with the number of terms.

/// Neumaier's compensated sum: the slopes are small differences of sums over millions of leaves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
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
    fn what_cancels_is_not_lost() {
        let mut sum = Sum::default();
        [1.0, 1e100, 1.0, -1e100].iter().for_each(|&term| sum.add(term));
        assert_eq!(sum.value(), 2.0);
    }

    #[test]
    fn an_infinite_term_makes_it_infinite() {
        let mut sum = Sum::default();
        [1.0, f64::INFINITY, 1.0].iter().for_each(|&term| sum.add(term));
        assert_eq!(sum.value(), f64::INFINITY);
    }
}
