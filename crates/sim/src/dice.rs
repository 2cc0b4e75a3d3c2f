//! Chance in a simulated world: all of it comes from the seed.

/// A stream of numbers that is the same for the same seed.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The stream of a seed for one purpose; purposes do not disturb each other.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self {
            state: hash(seed, purpose, 0),
        }
    }

    /// The next number (splitmix64).
    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number below `limit`; 0 for 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// The same as a signed number.
    pub fn between_i64(&mut self, least: i64, most: i64) -> i64 {
        least + i64::try_from(self.below(most.abs_diff(least) + 1)).unwrap_or(0)
    }

    /// True in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the choices.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

/// A number that only depends on these three: the chance of one operation,
/// whatever happened before it.
#[must_use]
pub fn hash(seed: u64, purpose: &str, nth: u64) -> u64 {
    // FNV-1a over the purpose, then mixed with the two numbers.
    let word = purpose
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    mix(mix(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ word).wrapping_add(nth))
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_give_the_same_numbers() {
        let three = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            [dice.roll(), dice.roll(), dice.roll()]
        };
        assert_eq!(three(1, "a"), three(1, "a"));
        assert_ne!(three(1, "a"), three(2, "a"));
        assert_ne!(three(1, "a"), three(1, "b"));
        assert_ne!(hash(1, "a", 1), hash(1, "a", 2));
    }

    #[test]
    fn numbers_stay_in_their_bounds_and_reach_them() {
        let mut dice = Dice::new(3, "bounds");
        let seen: Vec<u64> = (0..500).map(|_| dice.between(2, 5)).collect();
        assert_eq!((seen.iter().min(), seen.iter().max()), (Some(&2), Some(&5)));
        let signed: Vec<i64> = (0..500).map(|_| dice.between_i64(-2, 1)).collect();
        assert_eq!(
            (signed.iter().min(), signed.iter().max()),
            (Some(&-2), Some(&1))
        );
    }
}
