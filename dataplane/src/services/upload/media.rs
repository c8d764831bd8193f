//! Is it a video at all? Told from the first bytes, for the containers the engine opens: names and
//! media types of clients decide nothing. Sources: ISO/IEC 14496-12 (boxes), RFC 8794 (EBML),
//! ISO/IEC 13818-1 (transport stream).

/// Bytes that are enough to tell.
pub const ENOUGH: usize = 1024;

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A container the engine opens.
    Media,
    /// Something else.
    Other,
    /// Too few bytes to tell.
    Unclear,
}

/// Types of boxes a file of the MP4 family may begin with.
const BOXES: [&[u8; 4]; 9] = [
    b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof",
];
/// Head of Matroska and WebM.
const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
/// First byte of each packet of a transport stream, and the lengths packets have.
const SYNC: u8 = 0x47;
const PACKETS: [usize; 3] = [188, 192, 204];
/// Packets in a row that make a transport stream.
const ROW: usize = 4;

/// Looks at the beginning of an upload; `all` when there is nothing behind it.
pub fn judge(head: &[u8], all: bool) -> Verdict {
    let boxed = head
        .get(4..8)
        .is_some_and(|kind| BOXES.iter().any(|b| b[..] == *kind));
    if boxed || head.starts_with(&EBML) || is_transport_stream(head) {
        return Verdict::Media;
    }
    match all || head.len() >= ENOUGH {
        true => Verdict::Other,
        false => Verdict::Unclear,
    }
}

/// Packets need not begin with the file, and some recorders put a time stamp before each.
fn is_transport_stream(head: &[u8]) -> bool {
    PACKETS.iter().any(|length| {
        (0..*length).any(|start| (0..ROW).all(|n| head.get(start + n * length) == Some(&SYNC)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(before: usize, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; ENOUGH];
        for at in (before..ENOUGH).step_by(length) {
            bytes[at] = SYNC;
        }
        bytes
    }

    #[test]
    fn containers_of_the_engine_are_known() {
        assert_eq!(judge(b"\0\0\0\x18ftypisom", false), Verdict::Media);
        assert_eq!(judge(b"\0\0\0\x08wide\0\0\0\0mdat", false), Verdict::Media);
        assert_eq!(judge(&EBML, false), Verdict::Media);
        for (before, length) in [(0, 188), (4, 192), (150, 188), (0, 204)] {
            assert_eq!(judge(&stream(before, length), false), Verdict::Media);
        }
    }

    #[test]
    fn others_are_told_when_there_is_enough_of_them() {
        for head in [&b"%PDF-1.7"[..], b"PK\x03\x04", b"<html>", b""] {
            assert_eq!(judge(head, false), Verdict::Unclear);
            assert_eq!(judge(head, true), Verdict::Other);
            let padded = [head, &[b' '; ENOUGH]].concat();
            assert_eq!(judge(&padded, false), Verdict::Other);
        }
    }

    proptest! {
        #[test]
        fn more_bytes_never_take_media_back(bytes in prop::collection::vec(any::<u8>(), 0..1100), more in any::<u8>()) {
            if judge(&bytes, false) == Verdict::Media {
                let longer = [&bytes[..], &[more]].concat();
                prop_assert_eq!(judge(&longer, true), Verdict::Media);
            }
        }
    }
}
