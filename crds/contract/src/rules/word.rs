//! Numbers and arguments of rules as the 32-byte words that contracts take. Pure.
//! Source: Solidity contract ABI, static types.

use super::{CallRule, VIEWER};

/// A 32-byte word, the most significant byte first.
pub type Word = [u8; 32];

/// A decimal number; `None` when it is none or has more than 256 bits.
pub fn number(text: &str) -> Option<Word> {
    let mut word = [0; 32];
    for digit in text.bytes() {
        let mut carry = u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        for byte in word.iter_mut().rev() {
            let value = u16::from(*byte) * 10 + carry;
            *byte = (value & 0xFF) as u8;
            carry = value >> 8;
        }
        if carry != 0 {
            return None;
        }
    }
    (!text.is_empty()).then_some(word)
}

/// Bytes after `0x`; `None` when they are not exactly `N`.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let mut found = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in found.iter_mut().zip(digits.chunks_exact(2)) {
        // Two hexadecimal digits fit a byte.
        *byte = (nibble(pair[0])? << 4 | nibble(pair[1])?) as u8;
    }
    Some(found)
}

fn address(text: &str) -> Option<Word> {
    let mut word = [0; 32];
    word[12..].copy_from_slice(&bytes::<20>(text)?);
    Some(word)
}

/// Does the number fit so many bits?
fn fits(word: &Word, bits: usize) -> bool {
    word[..32 - bits / 8].iter().all(|byte| *byte == 0)
}

/// Bits or bytes of a type such as `uint8`: at most `most`, in steps of `step`.
fn size(kind: &str, name: &str, step: usize, most: usize) -> Option<usize> {
    let digits = kind.strip_prefix(name)?;
    let size = digits.parse().ok()?;
    let canonical = !digits.starts_with('0') && size % step == 0;
    (canonical && (step..=most).contains(&size)).then_some(size)
}

fn fixed_bytes(text: &str, size: usize) -> Option<Word> {
    let digits = text.strip_prefix("0x").filter(|d| d.len() == 2 * size)?;
    bytes(&format!("0x{digits:0<64}"))
}

fn argument(kind: &str, text: &str, viewer: [u8; 20]) -> Result<Word, String> {
    let word = match kind {
        "address" if text == VIEWER => {
            let mut word = [0; 32];
            word[12..].copy_from_slice(&viewer);
            Some(word)
        }
        "address" => address(text),
        "bool" => match text {
            "true" => number("1"),
            "false" => number("0"),
            _ => None,
        },
        kind => match (size(kind, "uint", 8, 256), size(kind, "bytes", 1, 32)) {
            (Some(bits), _) => number(text).filter(|word| fits(word, bits)),
            (_, Some(bytes)) => fixed_bytes(text, bytes),
            _ => return Err(format!("{kind} is no type that can be passed")),
        },
    };
    word.ok_or_else(|| format!("{text:?} is no {kind}"))
}

impl CallRule {
    /// The arguments for a viewer.
    ///
    /// # Errors
    /// What does not fit the types of the function.
    pub fn words(&self, viewer: [u8; 20]) -> Result<Vec<Word>, String> {
        let types = self.function.split_once('(').map(|(_, rest)| rest);
        let types = types.and_then(|rest| rest.strip_suffix(')'));
        let types = types.ok_or("the function lacks its list of types")?;
        let types: Vec<&str> = types.split(',').filter(|t| !t.is_empty()).collect();
        if types.len() != self.arguments.len() {
            let (given, plural) = match self.arguments.len() {
                1 => (1, ""),
                many => (many, "s"),
            };
            return Err(format!(
                "{given} argument{plural} for {} types",
                types.len()
            ));
        }
        let pairs = types.into_iter().zip(&self.arguments);
        pairs
            .map(|(kind, text)| argument(kind, text, viewer))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_256_bits_and_digits_only() {
        assert_eq!(number("0"), Some([0; 32]));
        let mut word = [0; 32];
        word[30..].copy_from_slice(&[1, 0]);
        assert_eq!(number("256"), Some(word));
        let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(number(most), Some([0xFF; 32]));
        assert_eq!(number(&most.replace("935", "936")), None);
        assert_eq!(number(&"9".repeat(500)), None);
        for text in ["", "-1", "+1", "0x1", "1 ", "1.0"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn arguments_fit_their_types_or_are_refused() {
        let viewer = [0xAB; 20];
        let word = |kind, text| argument(kind, text, viewer);
        assert_eq!(word("address", VIEWER).unwrap()[12..], viewer);
        assert_eq!(word("bytes2", "0x0102").unwrap()[..3], [1, 2, 0]);
        assert_eq!(word("bool", "true").unwrap()[31], 1);
        assert_eq!(word("uint8", "255").unwrap()[31], 255);
        let refused = [
            ("address", "0x00"),
            ("address", "0x+000000000000000000000000000000000000000"),
            ("bool", "1"),
            ("uint8", "256"),
            ("uint8", VIEWER),
            ("uint08", "1"),
            ("uint264", "1"),
            ("uint7", "1"),
            ("bytes0", "0x"),
            ("bytes33", "0x"),
            ("bytes2", "0x01"),
            ("string", "x"),
        ];
        for (kind, text) in refused {
            assert!(word(kind, text).is_err(), "{kind} {text}");
        }
    }
}
