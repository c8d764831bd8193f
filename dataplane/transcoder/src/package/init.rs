//! Init segments. Video has no edit list; audio has one that skips the encoder's priming.

use mp4_atom::{
    Ac3, Ac3SpecificBox, Audio, Av01, Av1c, Avc1, Avcc, Codec, Colr, Decode, Dinf, Dops, Dref,
    DrefEntry, Eac3, Ec3SpecificBox, Edts, Elst, ElstEntry, Encode, Esds, FourCC, Ftyp, Hdlr, Hvc1,
    Hvcc, Mdhd, Mdia, Minf, Moov, Mp4a, Mvex, Mvhd, Nmhd, Opus, PlainText, Smhd, Stbl, Stsd, Tkhd,
    Trak, Trex, Url, Visual, Vmhd, Vp09, VpcC, VttC, Wvtt,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig},
};
use streamgate_contract::plan::Colour;
use streamgate_contract::renditions::{SoundCodec, VideoCodec};

use crate::error::EngineError;

/// The one track of every file.
pub(super) const TRACK: u32 = 1;

pub(super) fn boxed(error: mp4_atom::Error) -> EngineError {
    EngineError::Internal(format!("cannot write a box: {error}"))
}

/// A video track.
pub struct VideoInit<'a> {
    /// Codec.
    pub codec: VideoCodec,
    /// Its record: avcC, hvcC, av1C, vpcC.
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

/// An audio track.
pub struct AudioInit<'a> {
    /// Codec.
    pub codec: SoundCodec,
    /// AudioSpecificConfig of AAC; the body of dac3 or dec3.
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
    let (width, height) = (small(init.width), small(init.height));
    let tkhd = Tkhd {
        width: width.into(),
        height: height.into(),
        ..track_header()
    };
    let minf = Minf {
        vmhd: Some(Vmhd::default()),
        ..media_information(picture_entry(init)?)
    };
    file(init.timescale, b"vide", "und", tkhd, minf, None)
}

/// The init segment of an audio track.
pub fn audio(init: &AudioInit) -> Result<Vec<u8>, EngineError> {
    let tkhd = Tkhd {
        volume: 1.into(),
        alternate_group: 1,
        ..track_header()
    };
    let minf = Minf {
        smhd: Some(Smhd::default()),
        ..media_information(sound_entry(init)?)
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

/// The init segment of a text track in a language of ISO 639-2.
pub fn text(timescale: u32, language: &str) -> Result<Vec<u8>, EngineError> {
    let entry = Wvtt {
        plaintext: PlainText {
            data_reference_index: 1,
        },
        config: VttC {
            config: "WEBVTT".into(),
        },
        label: None,
        btrt: None,
    };
    let minf = Minf {
        nmhd: Some(Nmhd::default()),
        ..media_information(Codec::Wvtt(entry))
    };
    file(timescale, b"text", language, track_header(), minf, None)
}

fn small(n: u32) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn picture_entry(init: &VideoInit) -> Result<Codec, EngineError> {
    let visual = Visual {
        data_reference_index: 1,
        width: small(init.width),
        height: small(init.height),
        ..Visual::default()
    };
    let colr = Some(Colr::Nclx {
        colour_primaries: init.colour.primaries.into(),
        transfer_characteristics: init.colour.transfer.into(),
        matrix_coefficients: init.colour.matrix.into(),
        full_range_flag: false,
    });
    Ok(match init.codec {
        VideoCodec::H264 => Codec::Avc1(Avc1 {
            visual,
            avcc: record::<Avcc>(b"avcC", init.config)?,
            colr,
            ..Avc1::default()
        }),
        VideoCodec::Hevc => Codec::Hvc1(Hvc1 {
            visual,
            hvcc: record::<Hvcc>(b"hvcC", init.config)?,
            colr,
            ..Hvc1::default()
        }),
        VideoCodec::Av1 => Codec::Av01(Av01 {
            visual,
            av1c: record::<Av1c>(b"av1C", init.config)?,
            colr,
            ..Av01::default()
        }),
        VideoCodec::Vp9 => Codec::Vp09(Vp09 {
            visual,
            vpcc: record::<VpcC>(b"vpcC", init.config)?,
            colr,
            ..Vp09::default()
        }),
    })
}

/// A box of a record.
fn record<T: Decode>(kind: &[u8; 4], body: &[u8]) -> Result<T, EngineError> {
    T::decode(&mut mp4_atom_box(kind, body).as_slice()).map_err(boxed)
}

fn sound_entry(init: &AudioInit) -> Result<Codec, EngineError> {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: small(init.channels),
        sample_size: 16,
        sample_rate: small(init.rate).into(),
    };
    Ok(match init.codec {
        SoundCodec::Aac => Codec::Mp4a(Mp4a {
            audio,
            esds: Esds {
                es_desc: elementary_stream(init),
            },
            btrt: None,
            taic: None,
        }),
        SoundCodec::Opus => Codec::Opus(Opus {
            audio,
            dops: Dops {
                output_channel_count: u8::try_from(init.channels).unwrap_or(2),
                pre_skip: small(init.priming),
                input_sample_rate: init.rate,
                output_gain: 0,
                channel_mapping: None,
            },
            btrt: None,
        }),
        SoundCodec::Ac3 => Codec::Ac3(Ac3 {
            audio,
            dac3: record::<Ac3SpecificBox>(b"dac3", init.config)?,
        }),
        SoundCodec::Eac3 => Codec::Eac3(Eac3 {
            audio,
            dec3: record::<Ec3SpecificBox>(b"dec3", init.config)?,
        }),
    })
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
