//! Random numbers that a printed seed repeats. SplitMix64 (Steele, Lea, Flood 2014).

/// A generator.
pub struct Random(u64);

impl Random {
    /// Seeded by the variable `name`, else by the clock; the seed is printed.
    pub fn seeded(name: &str) -> Self {
        let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
        let clock = || {
            let now = std::time::SystemTime::now();
            let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
            since.as_nanos() as u64
        };
        let seed = given.unwrap_or_else(clock);
        println!("{name}={seed}");
        Self(seed)
    }

    /// From a fixed seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }
}

/// A number from the environment: how often, where a claim asks for more than a test.
pub fn times(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
    given.unwrap_or(otherwise)
}
