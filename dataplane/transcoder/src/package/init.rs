//! Init segments. Video has no edit list; audio has one that skips the encoder's priming.

use mp4_atom::{
    Audio, Avc1, Avcc, Codec, Colr, Decode, Dinf, Dref, DrefEntry, Edts, Elst, ElstEntry, Encode,
    Esds, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mp4a, Mvex, Mvhd, Smhd, Stbl, Stsd, Tkhd,
    Trak, Trex, Url, Visual, Vmhd,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig},
};
use streamgate_contract::plan::Colour;

use crate::error::EngineError;

/// The one track of every file.
pub(super) const TRACK: u32 = 1;

pub(super) fn boxed(error: mp4_atom::Error) -> EngineError {
    EngineError::Internal(format!("cannot write a box: {error}"))
}

/// A video track.
pub struct VideoInit<'a> {
    /// avcC record.
    pub config: &'a [u8],
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Ticks per second.
    pub timescale: u32,
    /// Colour.
    pub colour: Colour,
}

/// An AAC track.
pub struct AudioInit<'a> {
    /// AudioSpecificConfig.
    pub config: &'a [u8],
    /// Samples per second.
    pub rate: u32,
    /// Channels.
    pub channels: u32,
    /// Samples of priming before the first one meant to be heard.
    pub priming: u32,
    /// bit/s.
    pub bit_rate: u32,
    /// ISO 639-2 language.
    pub language: &'a str,
}

/// The init segment of a video track.
pub fn video(init: &VideoInit) -> Result<Vec<u8>, EngineError> {
    let small = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    let (width, height) = (small(init.width), small(init.height));
    let mut body = mp4_atom_box(b"avcC", init.config);
    let avcc = Avcc::decode(&mut body.as_slice()).map_err(boxed)?;
    body.clear();
    let entry = Avc1 {
        visual: Visual {
            data_reference_index: 1,
            width,
            height,
            ..Visual::default()
        },
        avcc,
        colr: Some(Colr::Nclx {
            colour_primaries: init.colour.primaries.into(),
            transfer_characteristics: init.colour.transfer.into(),
            matrix_coefficients: init.colour.matrix.into(),
            full_range_flag: false,
        }),
        ..Avc1::default()
    };
    let tkhd = Tkhd {
        width: width.into(),
        height: height.into(),
        ..track_header()
    };
    let minf = Minf {
        vmhd: Some(Vmhd::default()),
        ..media_information(Codec::Avc1(entry))
    };
    file(init.timescale, b"vide", "und", tkhd, minf, None)
}

/// The init segment of an AAC track.
pub fn audio(init: &AudioInit) -> Result<Vec<u8>, EngineError> {
    let small = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    let entry = Mp4a {
        audio: Audio {
            data_reference_index: 1,
            channel_count: small(init.channels),
            sample_size: 16,
            sample_rate: small(init.rate).into(),
        },
        esds: Esds {
            es_desc: elementary_stream(init),
        },
        btrt: None,
        taic: None,
    };
    let tkhd = Tkhd {
        volume: 1.into(),
        alternate_group: 1,
        ..track_header()
    };
    let minf = Minf {
        smhd: Some(Smhd::default()),
        ..media_information(Codec::Mp4a(entry))
    };
    let edit = ElstEntry {
        segment_duration: 0,
        media_time: Some(init.priming.into()),
        media_rate: 1.into(),
    };
    let edts = Edts {
        elst: Some(Elst {
            entries: vec![edit],
        }),
    };
    file(init.rate, b"soun", init.language, tkhd, minf, Some(edts))
}

fn elementary_stream(init: &AudioInit) -> EsDescriptor {
    EsDescriptor {
        es_id: 1,
        dec_config: DecoderConfig {
            object_type_indication: 0x40,
            stream_type: 5,
            max_bitrate: init.bit_rate,
            avg_bitrate: init.bit_rate,
            dec_specific: Some(DecoderSpecific {
                raw: init.config.to_vec(),
                ..DecoderSpecific::default()
            }),
            ..DecoderConfig::default()
        },
        sl_config: SLConfig {},
        ..EsDescriptor::default()
    }
}

fn track_header() -> Tkhd {
    Tkhd {
        track_id: TRACK,
        enabled: true,
        in_movie: true,
        ..Tkhd::default()
    }
}

fn media_information(codec: Codec) -> Minf {
    Minf {
        dinf: Dinf {
            dref: Dref {
                entries: vec![DrefEntry::Url(Url::default())],
            },
        },
        stbl: Stbl {
            stsd: Stsd {
                codecs: vec![codec],
            },
            stco: Some(Default::default()),
            ..Stbl::default()
        },
        ..Minf::default()
    }
}

fn file(
    timescale: u32,
    handler: &[u8; 4],
    language: &str,
    tkhd: Tkhd,
    minf: Minf,
    edts: Option<Edts>,
) -> Result<Vec<u8>, EngineError> {
    let moov = Moov {
        mvhd: Mvhd {
            timescale,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: TRACK + 1,
            ..Mvhd::default()
        },
        mvex: Some(Mvex {
            mehd: None,
            trex: vec![Trex {
                track_id: TRACK,
                default_sample_description_index: 1,
                ..Trex::default()
            }],
        }),
        trak: vec![Trak {
            tkhd,
            edts,
            mdia: Mdia {
                mdhd: Mdhd {
                    timescale,
                    language: language.to_owned(),
                    ..Mdhd::default()
                },
                hdlr: Hdlr {
                    handler: FourCC::new(handler),
                    name: String::new(),
                },
                minf,
            },
            ..Trak::default()
        }],
        ..Moov::default()
    };
    let ftyp = Ftyp {
        major_brand: FourCC::new(b"cmfc"),
        minor_version: 0,
        compatible_brands: [b"cmfc", b"iso6", b"mp41", b"dash"]
            .map(FourCC::new)
            .to_vec(),
    };
    let mut bytes = Vec::new();
    ftyp.encode(&mut bytes).map_err(boxed)?;
    moov.encode(&mut bytes).map_err(boxed)?;
    Ok(bytes)
}

/// A box around ready bytes.
pub(super) fn mp4_atom_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap_or(u32::MAX);
    let mut bytes = size.to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(body);
    bytes
}
