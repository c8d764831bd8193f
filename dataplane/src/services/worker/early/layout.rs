//! Where the index of an MP4 file is, told from its first bytes. Pure. Source: ISO/IEC 14496-12: boxes
//! (4.2), movie box (8.2.1), movie header box (8.2.2), movie extends box (8.8.1).

use std::time::Duration;

/// Most bytes that are looked at: the index of a minute of video has a tenth of them.
pub(super) const MOST: usize = 1 << 20;

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// The index lies before the media and is here.
    Early {
        /// Length of the video.
        length: Duration,
    },
    /// Something else comes first, or this is something else.
    Late,
    /// Too few bytes to tell.
    Unclear,
}

/// Boxes that may lie before the index.
const BEFORE: [&[u8; 4]; 5] = [b"ftyp", b"free", b"skip", b"wide", b"pnot"];

/// Looks at the beginning of a file.
pub(super) fn layout(head: &[u8]) -> Layout {
    let mut rest = head;
    let short = if head.len() < MOST {
        Layout::Unclear
    } else {
        Layout::Late
    };
    loop {
        let Some((kind, size)) = heading(rest) else {
            return short;
        };
        match &kind {
            b"moov" => return rest.get(8..size).map_or(short, index),
            kind if !BEFORE.contains(&kind) => return Layout::Late,
            _ => {}
        }
        match rest.get(size..) {
            Some(after) if size >= 8 => rest = after,
            Some(_) => return Layout::Late,
            None => return short,
        }
    }
}

/// Kind and size of the box that begins here; larger ones than fit into 32 bits hold media.
fn heading(bytes: &[u8]) -> Option<([u8; 4], usize)> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let kind = rest.first_chunk::<4>()?;
    Some((*kind, usize::try_from(u32::from_be_bytes(*size)).ok()?))
}

/// What the inside of a movie box says.
fn index(mut rest: &[u8]) -> Layout {
    let mut length = None;
    while let Some((kind, size)) = heading(rest) {
        let Some(inside) = rest.get(8..size) else {
            return Layout::Late;
        };
        match &kind {
            // Its index lies in fragments all over the file.
            b"mvex" => return Layout::Late,
            b"mvhd" => length = duration(inside),
            _ => {}
        }
        rest = &rest[size..];
    }
    length.map_or(Layout::Late, |length| Layout::Early { length })
}

/// Length by the movie header: flags and version, two times, ticks per second, ticks.
fn duration(inside: &[u8]) -> Option<Duration> {
    let wide = *inside.first()? == 1;
    let at = if wide { 20 } else { 12 };
    let (timescale, rest) = inside.get(at..)?.split_first_chunk::<4>()?;
    let ticks = match wide {
        true => u64::from_be_bytes(*rest.first_chunk()?),
        false => u32::from_be_bytes(*rest.first_chunk()?).into(),
    };
    let timescale = u64::from(u32::from_be_bytes(*timescale));
    let milliseconds = ticks.checked_mul(1_000)?.checked_div(timescale)?;
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxed(kind: &[u8; 4], inside: &[u8]) -> Vec<u8> {
        let size = u32::try_from(inside.len() + 8).unwrap().to_be_bytes();
        [&size[..], kind, inside].concat()
    }

    fn header(version: u8) -> Vec<u8> {
        let times = if version == 1 { 16 } else { 8 };
        let mut inside = vec![version, 0, 0, 0];
        inside.extend(vec![0; times]);
        inside.extend(600_u32.to_be_bytes());
        match version {
            1 => inside.extend(14_400_u64.to_be_bytes()),
            _ => inside.extend(14_400_u32.to_be_bytes()),
        }
        boxed(b"mvhd", &inside)
    }

    fn file(boxes: &[Vec<u8>]) -> Vec<u8> {
        let head = boxed(b"ftyp", b"isom\0\0\0\0");
        [&[head][..], boxes].concat().concat()
    }

    const MEDIA: [u8; 12] = *b"\0\0\xff\xff\xff\xffmdat\0\0";

    #[test]
    fn an_index_in_front_tells_the_length() {
        for version in [0, 1] {
            let moov = boxed(b"moov", &[header(version), boxed(b"trak", b"")].concat());
            let bytes = file(&[boxed(b"free", b"..."), moov, MEDIA.to_vec()]);
            let length = Duration::from_secs(24);
            assert_eq!(layout(&bytes), Layout::Early { length });
        }
    }

    #[test]
    fn media_in_front_fragments_and_other_files_are_late() {
        let fragmented = boxed(b"moov", &[header(0), boxed(b"mvex", b"")].concat());
        let unsaid = boxed(b"moov", &boxed(b"trak", b""));
        let media = boxed(b"mdat", b"..");
        for bytes in [file(&[media]), file(&[fragmented]), file(&[unsaid])] {
            assert_eq!(layout(&bytes), Layout::Late);
        }
        assert_eq!(layout(b"\x1a\x45\xdf\xa3........"), Layout::Late);
        assert_eq!(layout(b"\0\0\0\0ftyp........"), Layout::Late);
    }

    #[test]
    fn an_index_that_is_not_here_is_waited_for_up_to_a_size() {
        let whole = file(&[boxed(b"moov", &header(0))]);
        for length in 0..whole.len() {
            assert_eq!(layout(&whole[..length]), Layout::Unclear, "{length}");
        }
        let mut large = file(&[boxed(b"moov", &vec![0; MOST])]);
        large.truncate(MOST);
        assert_eq!(layout(&large), Layout::Late);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            layout(&bytes);
            index(&bytes);
        }
    }
}
