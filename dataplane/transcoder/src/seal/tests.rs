//! Vectors of NIST, and what is clear and what is not. That players decrypt it is shown elsewhere.

use mp4_atom::{Decode, Moof};

use super::cipher::{Cipher, whole};
use super::samples::{Part, Shape};
use super::*;
use crate::package::segment::{self, Sample};
use streamgate_contract::encryption::{ContentKey, Hex16};

fn hex(text: &str) -> Hex16 {
    text.parse().unwrap()
}

/// NIST SP 800-38A, F.2.1 and F.5.1: key, first two blocks.
const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const PLAIN: [&str; 2] = [
    "6bc1bee22e409f96e93d7e117393172a",
    "ae2d8a571e03ac9c9eb76fac45af8e51",
];

fn plain() -> Vec<u8> {
    PLAIN.iter().flat_map(|block| hex(block).bytes()).collect()
}

#[test]
fn whole_segments_are_cbc_with_padding() {
    let vector = hex("000102030405060708090a0b0c0d0e0f");
    let sealed = whole(hex(KEY), vector, &plain());
    assert_eq!(sealed.len(), 48, "a block of padding");
    let text: String = sealed.iter().map(|b| format!("{b:02x}")).collect();
    assert!(text.starts_with("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"));
}

#[test]
fn counters_go_on_through_a_sample() {
    let cipher = Cipher::cenc(hex(KEY), hex("f0f1f2f3f4f5f6f70000000000000000"));
    assert_eq!(cipher.vector(3), Some(0xf0f1_f2f3_f4f5_f6fa));
    let mut together = plain();
    cipher.sample(3, &mut [&mut together[..]], false);
    let mut apart = plain();
    let (a, b) = apart.split_at_mut(16);
    cipher.sample(3, &mut [a, b], false);
    assert_eq!(together, apart);
    assert_ne!(together, plain());
    cipher.sample(3, &mut [&mut together[..]], false);
    assert_eq!(together, plain(), "twice is not at all");
}

#[test]
fn one_block_of_ten_is_encrypted_and_each_range_begins_anew() {
    let cipher = Cipher::cbcs(hex(KEY), hex("000102030405060708090a0b0c0d0e0f"));
    let block = hex(PLAIN[0]).bytes();
    let mut data = block.repeat(21);
    let (a, b) = data.split_at_mut(11 * 16);
    cipher.sample(0, &mut [a, b], true);
    let changed: Vec<usize> = data
        .chunks(16)
        .enumerate()
        .filter(|(_, chunk)| **chunk != block)
        .map(|(n, _)| n)
        .collect();
    assert_eq!(changed, [0, 10, 11]);
    assert_eq!(data[..16], data[11 * 16..12 * 16], "the same vector");
    let mut sound = block.repeat(3);
    sound.push(7);
    cipher.sample(0, &mut [&mut sound[..]], false);
    assert!(sound[..48].chunks(16).all(|chunk| chunk != block));
    assert_eq!(sound[48], 7, "what fills no block is clear");
}

fn unit(kind: u8, length: usize) -> Vec<u8> {
    let mut unit = (length as u32).to_be_bytes().to_vec();
    unit.push(kind);
    unit.resize(4 + length, 5);
    unit
}

#[test]
fn heads_of_slices_and_all_other_units_are_clear() {
    let sample = [
        unit(0x67, 500),
        unit(0x65, 64 + 35),
        unit(0x41, 70),
        unit(0x41, 64 + 16),
    ]
    .concat();
    let part = |clear, protected| Part { clear, protected };
    let parts = Shape::Avc.parts(&sample).unwrap();
    assert_eq!(parts, [part(504 + 4 + 67, 32), part(74 + 4 + 64, 16)]);
    assert_eq!(
        Shape::Whole.parts(&sample).unwrap(),
        [part(0, sample.len())]
    );
    let long = [unit(0x06, 70_000), unit(0x65, 64 + 16)].concat();
    let parts = Shape::Avc.parts(&long).unwrap();
    assert_eq!(parts, [part(65_535, 0), part(70_004 + 68 - 65_535, 16)]);
    // HEVC: IDR_W_RADL is 19, a parameter set 33.
    let sample = [unit(33 << 1, 200), unit(19 << 1, 200)].concat();
    assert_eq!(
        Shape::Hevc.parts(&sample).unwrap(),
        [part(204 + 4 + 72, 128)]
    );
    assert!(Shape::Avc.parts(&sample[..300]).is_err());
}

fn seal(scheme: Scheme) -> (Seal, TrackId) {
    let key = ContentKey {
        id: hex("00112233445566778899aabbccddeeff"),
        key: hex(KEY),
    };
    let seal = Seal::new(Protection { scheme, key });
    let track: TrackPlan = serde_json::from_value(serde_json::json!({"id": "v720",
        "codecs": "avc1.64001f", "timescale": 25, "initSha256": "", "initBytes": 1, "starts": [0, 2],
        "media": {"kind": "video", "width": 2, "height": 2, "maxKbps": 1, "crf": 1,
            "frameRate": {"num": 25, "den": 1}}}))
    .unwrap();
    seal.learn(&track).unwrap();
    (seal, track.id)
}

#[test]
fn fragments_say_how_each_sample_is_encrypted() {
    let sample = |sync| Sample {
        data: unit(0x65, 64 + 33),
        duration: 1,
        offset: 0,
        sync,
    };
    let clear = segment::video(0, 0, &[sample(true), sample(false), sample(false)]).unwrap();
    for (scheme, size) in [(Scheme::Cbcs, 8), (Scheme::Cenc, 16)] {
        let (seal, track) = seal(scheme);
        let sealed = seal.segment(&track, 0, &clear).unwrap();
        assert_eq!(
            sealed,
            seal.segment(&track, 0, &clear).unwrap(),
            "always the same"
        );
        let at = sealed.windows(4).position(|w| w == b"moof").unwrap() - 4;
        let first = Moof::decode(&mut &sealed[at..]).unwrap();
        let traf = &first.traf[0];
        assert_eq!(traf.saiz[0].sample_info_size, [size], "{scheme:?}");
        // The offset leads to the entry, the data offset to the sample.
        let offset = at + traf.saio[0].offsets[0] as usize;
        let senc = &traf.senc.as_ref().unwrap().data[4..];
        assert_eq!(&sealed[offset..offset + senc.len()], senc);
        let data = at + traf.trun[0].data_offset.unwrap() as usize;
        let before = unit(0x65, 64 + 33);
        assert_eq!(sealed[data..data + 69], before[..69], "the head is clear");
        assert_ne!(sealed[data + 69..data + 85], before[69..85]);
    }
    let (seal, track) = seal(Scheme::Aes128);
    assert_ne!(
        seal.segment(&track, 0, &clear).unwrap(),
        seal.segment(&track, 1, &clear).unwrap(),
        "each number has a vector of its own"
    );
}
