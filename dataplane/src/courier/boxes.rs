//! Where the first fragment of a segment ends, by the headers of its boxes alone. The engine puts
//! a segment's first I-frame into a fragment of its own, so that players can fetch just that.
//! Source: ISO/IEC 14496-12, 4.2.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Most boxes before the end of the first fragment: brands, fragment, data and some to spare.
const MAX_BOXES: usize = 8;
/// Bytes of a header with a large size.
const HEADER: u64 = 16;

/// Bytes up to the end of the first fragment; `None` for a file that does not begin like a segment.
pub(super) fn head(file: &File, length: u64) -> io::Result<Option<u64>> {
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        let Some(header) = header(file, at, length)? else {
            return Ok(None);
        };
        at = header.end;
        if header.kind == *b"mdat" {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

struct Header {
    kind: [u8; 4],
    end: u64,
}

fn header(file: &File, at: u64, length: u64) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER as usize];
    let wanted = HEADER.min(length.saturating_sub(at)) as usize;
    if wanted < 8 {
        return Ok(None);
    }
    file.read_exact_at(&mut bytes[..wanted], at)?;
    let [s0, s1, s2, s3, k0, k1, k2, k3, large @ ..] = bytes;
    let size = match u32::from_be_bytes([s0, s1, s2, s3]) {
        1 => u64::from_be_bytes(large),
        size => u64::from(size),
    };
    let end = at.checked_add(size).filter(|end| *end <= length);
    let kind = [k0, k1, k2, k3];
    Ok(end.filter(|_| size >= 8).map(|end| Header { kind, end }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn of(bytes: &[u8]) -> Option<u64> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        head(&file, bytes.len() as u64).unwrap()
    }

    fn boxed(kind: &[u8; 4], body: usize) -> Vec<u8> {
        let mut bytes = (body as u32 + 8).to_be_bytes().to_vec();
        bytes.extend(kind);
        bytes.resize(body + 8, 7);
        bytes
    }

    #[test]
    fn the_head_ends_with_the_first_data() {
        let head = [boxed(b"styp", 16), boxed(b"moof", 40), boxed(b"mdat", 3)].concat();
        let tail = [boxed(b"moof", 90), boxed(b"mdat", 0)].concat();
        assert_eq!(of(&[head.clone(), tail].concat()), Some(head.len() as u64));
        assert_eq!(of(&head), Some(head.len() as u64));
    }

    #[test]
    fn what_is_no_segment_has_no_head() {
        let large = [&[0, 0, 0, 1], &b"mdat"[..], &20u64.to_be_bytes(), &[0; 4]].concat();
        assert_eq!(of(&large), Some(20));
        let beyond = [&[0, 0, 0, 1], &b"mdat"[..], &u64::MAX.to_be_bytes()].concat();
        for wrong in [
            Vec::new(),
            vec![0; 7],
            vec![0; 64],
            boxed(b"moof", 40),
            boxed(b"free", 0).repeat(20),
            beyond,
        ] {
            assert_eq!(of(&wrong), None, "{wrong:?}");
        }
    }
}
