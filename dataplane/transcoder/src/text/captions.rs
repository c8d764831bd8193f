//! Captions that ride in coded pictures, found without decoding any: the pairs of CEA-608 in the user
//! data of H.264, HEVC and MPEG-2. Pure. Sources: ATSC A/53 part 4, 6.2.3; CTA-708, 4.4; ITU-T H.264
//! and H.265, annex D.

/// A video codec that carries captions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// H.264; bytes of the length before each unit, 0 for start codes.
    Avc(u8),
    /// HEVC, the same.
    Hevc(u8),
    /// MPEG-2.
    Mpeg2,
}

impl Carrier {
    /// The carrier by FFmpeg's name of the codec and the configuration record, if there is one.
    pub fn of(codec: &str, extradata: &[u8]) -> Option<Self> {
        // Records begin with their version, streams with start codes with a zero.
        let record = extradata.first() == Some(&1);
        let length = |at: usize| match extradata.get(at) {
            Some(byte) if record => (byte & 3) + 1,
            _ => 0,
        };
        match codec {
            "h264" => Some(Self::Avc(length(4))),
            "hevc" => Some(Self::Hevc(length(21))),
            "mpeg2video" => Some(Self::Mpeg2),
            _ => None,
        }
    }

    /// Calls `each` with every valid triplet of a coded picture: kind of caption and two bytes.
    pub fn triplets(self, picture: &[u8], each: &mut impl FnMut([u8; 3])) {
        match self {
            Self::Avc(length) => units(picture, length, &mut |unit| {
                if unit.first().is_some_and(|head| head & 0x1f == 6) {
                    messages(&unescaped(&unit[1..]), each);
                }
            }),
            Self::Hevc(length) => units(picture, length, &mut |unit| {
                // Supplemental information before the picture has type 39.
                if unit.len() > 2 && (unit[0] >> 1) & 0x3f == 39 {
                    messages(&unescaped(&unit[2..]), each);
                }
            }),
            Self::Mpeg2 => units(picture, 0, &mut |unit| {
                if let Some((0xb2, data)) = unit.split_first() {
                    user_data(data, each);
                }
            }),
        }
    }
}

/// Units with a length of `length` bytes before each, or between start codes.
fn units(mut rest: &[u8], length: u8, each: &mut impl FnMut(&[u8])) {
    if length == 0 {
        return between_start_codes(rest, each);
    }
    while let Some((head, after)) = rest.split_at_checked(length.into()) {
        let size = head
            .iter()
            .fold(0_usize, |size, byte| size << 8 | usize::from(*byte));
        let Some((unit, next)) = after.split_at_checked(size) else {
            return;
        };
        each(unit);
        rest = next;
    }
}

fn between_start_codes(bytes: &[u8], each: &mut impl FnMut(&[u8])) {
    let code = |from: usize| {
        let found = bytes.get(from..)?.windows(3).position(|w| w == [0, 0, 1]);
        found.map(|at| from + at)
    };
    let mut next = code(0);
    while let Some(at) = next {
        next = code(at + 3);
        each(
            bytes
                .get(at + 3..next.unwrap_or(bytes.len()))
                .unwrap_or_default(),
        );
    }
}

/// Without the bytes that keep start codes out of a unit.
fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

/// Messages of supplemental information.
fn messages(mut rest: &[u8], each: &mut impl FnMut([u8; 3])) {
    while rest.len() > 2 {
        let Some((kind, after)) = number(rest) else {
            return;
        };
        let Some((size, after)) = number(after) else {
            return;
        };
        let Some((body, next)) = after.split_at_checked(size) else {
            return;
        };
        // Registered by ITU-T T.35, of the United States, by ATSC.
        if let (4, Some(data)) = (kind, body.strip_prefix(&[0xb5, 0x00, 0x31])) {
            user_data(data, each);
        }
        rest = next;
    }
}

/// A number as a run of bytes of which all but the last are 255.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let full = bytes.iter().take_while(|b| **b == 0xff).count();
    let last = bytes.get(full)?;
    Some((full * 255 + usize::from(*last), bytes.get(full + 1..)?))
}

/// Caption data of ATSC's user data.
fn user_data(data: &[u8], each: &mut impl FnMut([u8; 3])) {
    let Some([flags, _, rest @ ..]) = data.strip_prefix(b"GA94\x03") else {
        return;
    };
    if flags & 0x40 == 0 {
        return;
    }
    for triplet in rest.chunks_exact(3).take((flags & 0x1f).into()) {
        if triplet[0] & 4 != 0 {
            each([triplet[0] & 3, triplet[1], triplet[2]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message with two pairs of the first field and one that is not valid.
    fn message() -> Vec<u8> {
        let data = b"\xb5\x00\x31GA94\x03\x43\xff\xfc\x94\x20\xf9\x80\x80\xfc\xc8\xe9\xff";
        let mut message = vec![4, data.len() as u8];
        message.extend(data);
        message.push(0x80);
        message
    }

    fn found(carrier: Carrier, picture: &[u8]) -> Vec<[u8; 3]> {
        let mut found = Vec::new();
        carrier.triplets(picture, &mut |t| found.push(t));
        found
    }

    const EXPECTED: [[u8; 3]; 2] = [[0, 0x94, 0x20], [0, 0xc8, 0xe9]];

    #[test]
    fn captions_are_found_in_every_carrier() {
        let avc = [
            &[0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 6][..],
            &message(),
            &[0, 0, 1, 0x65, 1],
        ]
        .concat();
        assert_eq!(found(Carrier::Avc(0), &avc), EXPECTED);
        let unit = [&[6][..], &message()].concat();
        let lengths = [
            &(unit.len() as u32).to_be_bytes()[..],
            &unit,
            &[0, 0, 0, 1, 0x65],
        ]
        .concat();
        assert_eq!(found(Carrier::Avc(4), &lengths), EXPECTED);
        let hevc = [&[0, 0, 1, 78, 1][..], &message()].concat();
        assert_eq!(found(Carrier::Hevc(0), &hevc), EXPECTED);
        let mpeg2 = [&[0, 0, 1, 0xb2][..], &message()[5..]].concat();
        assert_eq!(found(Carrier::Mpeg2, &mpeg2), EXPECTED);
    }

    #[test]
    fn bytes_against_start_codes_are_taken_out() {
        assert_eq!(unescaped(&[1, 0, 0, 3, 0, 0, 3, 1]), [1, 0, 0, 0, 0, 1]);
        assert_eq!(unescaped(&[0, 3, 0, 0, 3]), [0, 3, 0, 0]);
    }

    #[test]
    fn a_record_says_how_long_lengths_are() {
        let record = [1, 0x64, 0, 0x1f, 0xff, 0xe1];
        assert_eq!(Carrier::of("h264", &record), Some(Carrier::Avc(4)));
        assert_eq!(Carrier::of("h264", &[0, 0, 0, 1]), Some(Carrier::Avc(0)));
        assert_eq!(Carrier::of("vp9", &[]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0_u8..5) {
            for carrier in [Carrier::Avc(length), Carrier::Hevc(length), Carrier::Mpeg2] {
                found(carrier, &bytes);
            }
        }
    }
}
