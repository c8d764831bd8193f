//! Bits of headers, from the most significant on.

/// A place in some bytes.
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// The first bit.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits as a number; the highest are lost beyond 64. `None` past the end.
    pub(crate) fn take(&mut self, count: usize) -> Option<u64> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// The next `count` bits, at most eight.
    pub(crate) fn byte(&mut self, count: usize) -> Option<u8> {
        self.take(count.min(8)).and_then(|n| u8::try_from(n).ok())
    }
}
