//! Chance that repeats itself, for the demo and for measures: the same seed, the same draws, on every machine.

/// A row of draws (splitmix64). Whoever wants draws that others do not move begins a row of their own.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The row of a seed.
    pub fn seeded(seed: u64) -> Chance {
        Chance(seed)
    }

    /// The row of a name.
    pub fn of(name: &str) -> Chance {
        Chance(name.bytes().fold(0x5eed_0039, |seed, b| seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(b)))
    }

    /// The next draw.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from the one to the other, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.abs_diff(low).saturating_add(1);
        low.saturating_add_unsigned(self.draw() % width)
    }
}
