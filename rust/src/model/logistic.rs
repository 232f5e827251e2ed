//! Probabilities and log odds: `stretch(p) = ln(p / (1 - p))` and its inverse, by table lookup.

/// Steps per unit of log odds in the inverse table.
const STEPS: f32 = 170.0;
/// Number of entries of both tables.
const ENTRIES: usize = 4096;
/// The largest log odds in the table: 12.04.
const LIMIT: f32 = (ENTRIES / 2 - 1) as f32 / STEPS;
/// Added to a float of magnitude below 2^22, it leaves the nearest integer in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// The two tables, computed with `libm`, because the system's logarithm differs between systems.
#[derive(Clone)]
pub(super) struct Logistic {
    stretch: Box<[f32; ENTRIES]>,
    squash: Box<[u16; ENTRIES]>,
}

impl Logistic {
    pub(super) fn new() -> Logistic {
        let mut stretch = Box::new([0.0; ENTRIES]);
        let mut squash = Box::new([0; ENTRIES]);
        for i in 0..ENTRIES {
            let p = (i as f64 + 0.5) / ENTRIES as f64;
            stretch[i] = libm::log(p / (1.0 - p)) as f32;
            let odd = (i as f64 - (ENTRIES / 2) as f64) / f64::from(STEPS);
            let p = 65_536.0 / (1.0 + libm::exp(-odd));
            squash[i] = libm::round(p).clamp(1.0, 65_535.0) as u16;
        }
        Logistic { stretch, squash }
    }

    /// The log odds of a probability of 12 bits.
    #[inline(always)]
    pub(super) fn stretch(&self, p: u16) -> f32 {
        self.stretch[usize::from(p) % ENTRIES]
    }

    /// The index of log odds in the table, `0..4096`.
    #[inline(always)]
    pub(super) fn place(odds: f32) -> usize {
        let steps = (odds.clamp(-LIMIT, LIMIT) * STEPS + ROUND).to_bits();
        (steps as usize).wrapping_add(ENTRIES / 2) % ENTRIES
    }

    /// The probability at an index in 16 bits.
    #[inline(always)]
    pub(super) fn squash(&self, place: usize) -> u16 {
        self.squash[place % ENTRIES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squash_inverts_stretch() {
        let logistic = Logistic::new();
        for p in (0..4096).step_by(5) {
            let odds = logistic.stretch(p);
            let back = f64::from(logistic.squash(Logistic::place(odds))) / 16.0;
            let p = f64::from(p);
            assert!((back - p).abs() <= 1.0 + p.min(4096.0 - p) / 100.0, "{p} {back}");
        }
    }

    #[test]
    fn places_stay_within_the_table() {
        assert_eq!(Logistic::place(0.0), 2048);
        assert_eq!(Logistic::place(1e30), 4095);
        assert_eq!(Logistic::place(-1e30), 1);
        assert_eq!(Logistic::place(1.0), 2218);
    }
}
