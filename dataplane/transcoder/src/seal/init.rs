//! Says in an init segment how its track is encrypted: the sample entry becomes `encv` or `enca` and
//! remembers what it was. Source: ISO/IEC 14496-12, 8.12; ISO/IEC 23001-7, 8.2.

use streamgate_contract::encryption::{Hex16, Scheme};

use super::cipher::PATTERN;
use super::samples::Shape;
use crate::error::EngineError;

/// Boxes that lead to the sample entry, and how many bytes stand before the first box in each.
const WAY: [(&[u8; 4], usize); 6] = [
    (b"moov", 8),
    (b"trak", 8),
    (b"mdia", 8),
    (b"minf", 8),
    (b"stbl", 8),
    (b"stsd", 16),
];

/// The init segment with its track protected.
pub(super) fn protect(
    bytes: &[u8],
    scheme: Scheme,
    key_id: Hex16,
    shape: Shape,
    vector: Hex16,
) -> Result<Vec<u8>, EngineError> {
    let mut sealed = bytes.to_vec();
    let (mut at, mut end) = (0, sealed.len());
    let mut holders = Vec::new();
    for (kind, body) in WAY {
        at = find(&sealed, at, end, kind)?;
        end = at + size(&sealed, at)?;
        holders.push(at);
        at += body;
    }
    holders.push(at);
    let end = at + size(&sealed, at)?;
    let format = kind(&sealed, at)?;
    let added = information(format, scheme, key_id, shape, vector);
    let pictures = shape.is_pictures();
    sealed[at + 4..at + 8].copy_from_slice(if pictures { b"encv" } else { b"enca" });
    for holder in holders {
        let grown = size(&sealed, holder)? + added.len();
        let grown = u32::try_from(grown).map_err(|_| broken())?;
        sealed[holder..holder + 4].copy_from_slice(&grown.to_be_bytes());
    }
    sealed.splice(end..end, added);
    Ok(sealed)
}

fn broken() -> EngineError {
    EngineError::Internal("cannot encrypt: an init segment is not as packaging makes it".into())
}

fn word(bytes: &[u8], at: usize) -> Result<[u8; 4], EngineError> {
    let word = bytes.get(at..at + 4).and_then(|w| w.try_into().ok());
    word.ok_or_else(broken)
}

fn size(bytes: &[u8], at: usize) -> Result<usize, EngineError> {
    let size = u32::from_be_bytes(word(bytes, at)?) as usize;
    match size >= 8 && bytes.len() - at >= size {
        true => Ok(size),
        false => Err(broken()),
    }
}

fn kind(bytes: &[u8], at: usize) -> Result<[u8; 4], EngineError> {
    word(bytes, at + 4)
}

/// Where the first box of a kind begins between `at` and `end`.
fn find(bytes: &[u8], mut at: usize, end: usize, wanted: &[u8; 4]) -> Result<usize, EngineError> {
    while at < end {
        if kind(bytes, at)? == *wanted {
            return Ok(at);
        }
        at += size(bytes, at)?;
    }
    Err(broken())
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap_or(u32::MAX);
    [&size.to_be_bytes()[..], kind, body].concat()
}

/// Box `sinf`.
fn information(
    format: [u8; 4],
    scheme: Scheme,
    key_id: Hex16,
    shape: Shape,
    vector: Hex16,
) -> Vec<u8> {
    let (name, track) = match scheme {
        Scheme::Cbcs => {
            // Pictures by the pattern, sound block after block.
            let (encrypt, skip) = if shape.is_pictures() { PATTERN } else { (0, 0) };
            let head = [1, 0, 0, 0, 0, encrypt << 4 | skip, 1, 0];
            let constant = [&[16][..], &vector.bytes()].concat();
            (b"cbcs", [&head[..], &key_id.bytes(), &constant].concat())
        }
        Scheme::Cenc | Scheme::Aes128 => {
            let head = [0, 0, 0, 0, 0, 0, 1, 8];
            (b"cenc", [&head[..], &key_id.bytes()].concat())
        }
    };
    let version = [0, 1, 0, 0];
    let kind = [&[0; 4][..], name, &version].concat();
    let parts = [
        boxed(b"frma", &format),
        boxed(b"schm", &kind),
        boxed(b"schi", &boxed(b"tenc", &track)),
    ];
    boxed(b"sinf", &parts.concat())
}
