//! Playlists against golden text, a parser of others, and their own promises.

use m3u8_rs::{MediaPlaylistType, parse_master_playlist_res, parse_media_playlist_res};
use proptest::prelude::*;
use streamgate_contract::encryption::Scheme;

use super::fixtures::{HASH, all, committed, protected, tracks};
use super::*;
use crate::ports::catalog::Segment;

fn view(committed: &[Segment]) -> View {
    View::new(tracks(), committed, 0)
}

fn text_of(view: &View, track: &str) -> Option<String> {
    media(view, &track.parse().unwrap())
}

#[test]
fn a_whole_output_is_vod_with_measured_rates() {
    let view = view(&all(&tracks()));
    let expected = "#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"a-en-aac\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a-en-aac.m3u8\"
#EXT-X-STREAM-INF:BANDWIDTH=4026,AVERAGE-BANDWIDTH=4010,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=25.000,VIDEO-RANGE=SDR,AUDIO=\"audio\",CLOSED-CAPTIONS=NONE
v720.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=200,AVERAGE-BANDWIDTH=200,CODECS=\"avc1.64001f\",RESOLUTION=1280x720,VIDEO-RANGE=SDR,URI=\"v720.iframes.m3u8\"
";
    assert_eq!(master(&view).unwrap(), expected);
    let expected = "#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI=\"a-en-aac/init-0123456789abcdef.mp4\"
#EXTINF:4.010667,
a-en-aac/000000-0123456789abcdef.m4s
#EXTINF:3.989333,
a-en-aac/000001-0123456789abcdef.m4s
#EXTINF:4.010667,
a-en-aac/000002-0123456789abcdef.m4s
#EXTINF:3.989333,
a-en-aac/000003-0123456789abcdef.m4s
#EXTINF:4.010667,
a-en-aac/000004-0123456789abcdef.m4s
#EXTINF:3.989333,
a-en-aac/000005-0123456789abcdef.m4s
#EXT-X-ENDLIST
";
    assert_eq!(text_of(&view, "a-en-aac").unwrap(), expected);
}

#[test]
fn a_list_of_iframes_names_the_first_fragment_of_every_segment() {
    let view = view(&all(&tracks()));
    let text = iframes(&view, &"v720".parse().unwrap()).unwrap();
    let list = parse_media_playlist_res(text.as_bytes()).unwrap();
    assert!(list.i_frames_only && list.end_list);
    assert_eq!(list.segments.len(), 6);
    for (number, segment) in list.segments.iter().enumerate() {
        let range = segment.byte_range.as_ref().unwrap();
        assert_eq!((range.length, range.offset), (100, Some(0)));
        assert_eq!(segment.uri, format!("v720/{number:06}-{HASH}.m4s"));
    }
}

#[test]
fn there_is_no_list_of_iframes_of_sound_of_unknown_ones_or_before_the_end() {
    let whole = all(&tracks());
    let list = |committed: &[Segment], track: &str| {
        let view = view(committed);
        let lists = master(&view).unwrap_or_default().matches("I-FRAME").count();
        (iframes(&view, &track.parse().unwrap()).is_some(), lists)
    };
    assert_eq!(list(&whole, "v720"), (true, 1));
    assert_eq!(list(&whole, "a-en-aac"), (false, 1));
    assert_eq!(list(&whole[..whole.len() - 1], "v720"), (false, 0));
    let mut old = whole.clone();
    old[3].head_bytes = None;
    assert_eq!(list(&old, "v720"), (false, 0));
}

#[test]
fn whole_segments_have_a_vector_each_and_samples_one_line_for_all() {
    let encrypted = |scheme| view(&all(&tracks())).protected(protected(scheme));
    let text = text_of(&encrypted(Scheme::Aes128), "v720").unwrap();
    let (head, segments) = text.split_once("#EXT-X-MAP").unwrap();
    assert!(!head.contains("EXT-X-KEY"), "the init segment is clear");
    let list = parse_media_playlist_res(text.as_bytes()).unwrap();
    let vectors: std::collections::HashSet<_> = list
        .segments
        .iter()
        .map(|segment| segment.key.as_ref().unwrap().iv.clone().unwrap())
        .collect();
    assert_eq!(vectors.len(), 6);
    assert_eq!(
        segments.matches("METHOD=AES-128,URI=\"key\",IV=0x").count(),
        6
    );
    let view = encrypted(Scheme::Aes128);
    assert_eq!(iframes(&view, &"v720".parse().unwrap()), None);
    assert!(!master(&view).unwrap().contains("I-FRAME"));

    let view = encrypted(Scheme::Cbcs);
    let line = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"key\",KEYFORMAT=\"identity\"\n#EXT-X-MAP";
    let list = iframes(&view, &"v720".parse().unwrap()).unwrap();
    for text in [text_of(&view, "v720").unwrap(), list] {
        assert!(text.contains(line) && text.matches("EXT-X-KEY").count() == 1);
    }
}

#[test]
fn before_the_end_the_rates_are_the_caps_and_the_playlist_is_an_event() {
    let mut some = all(&tracks());
    some.retain(|s| s.number.is_none_or(|n| n < 3));
    let view = view(&some);
    let text = master(&view).unwrap();
    assert!(text.contains("INF:BANDWIDTH=3074400,CODECS"), "{text}");
    let text = text_of(&view, "v720").unwrap();
    let event = "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0\n";
    assert!(text.contains(event) && !text.contains("ENDLIST"), "{text}");
}

#[test]
fn only_what_every_track_has_is_listed() {
    let all = all(&tracks());
    let without = |track: &str, number: Option<u32>| {
        let kept = all
            .iter()
            .filter(|s| !(s.track.as_str() == track && s.number == number));
        view(&kept.cloned().collect::<Vec<_>>())
    };
    let listed = |view: &View, track| text_of(view, track).map(|t| t.matches("#EXTINF").count());
    for track in ["v720", "a-en-aac"] {
        assert_eq!(listed(&without("v720", Some(2)), track), Some(2));
        assert_eq!(listed(&without("a-en-aac", Some(5)), track), Some(5));
        assert_eq!(listed(&without("a-en-aac", Some(0)), track), None);
        assert_eq!(listed(&without("v720", None), track), None);
    }
    assert_eq!(master(&without("a-en-aac", None)), None);
    assert_eq!(text_of(&view(&all), "v1080"), None);
}

#[test]
fn audio_that_ends_early_holds_nobody_up() {
    let mut short = tracks();
    short[1].starts.truncate(3);
    let mut some = all(&short);
    some.retain(|s| !(s.track.as_str() == "v720" && s.number.is_some_and(|n| n > 3)));
    let view = View::new(short, &some, 0);
    assert_eq!(
        text_of(&view, "v720").unwrap().matches("#EXTINF").count(),
        4
    );
    assert_eq!(
        text_of(&view, "a-en-aac")
            .unwrap()
            .matches("#EXTINF")
            .count(),
        2
    );
}

#[test]
fn a_parser_of_others_reads_the_same() {
    let view = view(&all(&tracks()));
    let master = parse_master_playlist_res(master(&view).unwrap().as_bytes()).unwrap();
    let variant = &master.variants[0];
    assert_eq!(
        (variant.bandwidth, variant.average_bandwidth),
        (4_026, Some(4_010))
    );
    assert_eq!(variant.codecs.as_deref(), Some("avc1.64001f,mp4a.40.2"));
    assert_eq!(variant.resolution.unwrap().height, 720);
    assert_eq!(master.alternatives[0].uri.as_deref(), Some("a-en-aac.m3u8"));
    let media = parse_media_playlist_res(text_of(&view, "v720").unwrap().as_bytes()).unwrap();
    assert_eq!(media.segments.len(), 6);
    assert!(media.end_list && media.independent_segments);
    assert_eq!(media.playlist_type, Some(MediaPlaylistType::Vod));
    assert!(media.segments.iter().all(|s| s.duration == 4.0));
    let map = media.segments[0].map.as_ref().unwrap();
    assert_eq!(map.uri, format!("v720/init-{HASH}.mp4"));
}

#[test]
fn odd_frame_rates_are_rounded_to_three_decimals() {
    let cases = [
        (30_000, 1_001, "29.970"),
        (24_000, 1_001, "23.976"),
        (50, 1, "50.000"),
    ];
    for (num, den, text) in cases {
        assert_eq!(decimal(Ratio { num, den }), text);
    }
}

#[test]
fn the_peak_is_measured_over_half_to_one_and_a_half_target_durations() {
    let mut tracks = tracks();
    // The last segment lasts an eighth of a second and is large: alone it is too short to count.
    let end = &mut tracks[0].starts[6];
    *end -= 4 * 12_800 - 1_600;
    let sizes = [1_000, 1_000, 4_000, 1_000, 1_000, 1_000];
    let video = sizes
        .iter()
        .zip(0..)
        .map(|(b, n)| committed("v720", Some(n), *b));
    let view = View::new(tracks, &video.collect::<Vec<_>>(), 0);
    assert_eq!(rate::peak(&view.tracks[0], 4), 8_000);
    assert_eq!(rate::average(&view.tracks[0]), 3_578);
}

#[test]
fn a_language_cannot_break_out_of_its_quotes() {
    let mut tracks = tracks();
    if let Media::Audio { language, .. } = &mut tracks[1].media {
        *language = "en\",URI=\"https://evil.example\n#".into();
    }
    let text = master(&View::new(tracks.clone(), &all(&tracks), 0)).unwrap();
    assert!(
        text.contains("LANGUAGE=\"enURIhttpsevilexample\""),
        "{text}"
    );
}

/// Tracks with one more of sound: that of `stream` in another codec or language.
fn with_sound(id: &str, codecs: &str, stream: u32, channels: u32) -> Vec<TrackPlan> {
    let mut tracks = tracks();
    let mut more = tracks[1].clone();
    (more.id, more.codecs) = (id.parse().unwrap(), codecs.into());
    if let Media::Audio {
        stream: of,
        channels: count,
        ..
    } = &mut more.media
    {
        (*of, *count) = (stream, channels);
    }
    tracks.push(more);
    tracks
}

#[test]
fn codecs_of_sound_are_groups_with_the_same_members() {
    let mut tracks = with_sound("a-de-aac", "mp4a.40.2", 7, 2);
    tracks.push(with_sound("a-en-eac3", "ec-3", 0, 6).remove(2));
    let text = master(&View::new(tracks.clone(), &all(&tracks), 0)).unwrap();
    let master = parse_master_playlist_res(text.as_bytes()).unwrap();
    let members: Vec<(&str, &str, &str)> = master
        .alternatives
        .iter()
        .map(|a| {
            (
                a.group_id.as_str(),
                a.name.as_str(),
                a.uri.as_deref().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("audio", "a-en-aac", "a-en-aac.m3u8"),
        ("audio", "a-de-aac", "a-de-aac.m3u8"),
        ("audio-ec-3", "a-en-aac", "a-en-eac3.m3u8"),
        ("audio-ec-3", "a-de-aac", "a-de-aac.m3u8"),
    ];
    assert_eq!(members, expected);
    let variants: Vec<_> = master
        .variants
        .iter()
        .filter(|v| !v.is_i_frame)
        .map(|v| (v.audio.as_deref().unwrap(), v.codecs.as_deref().unwrap()))
        .collect();
    let codecs = "avc1.64001f,ec-3,mp4a.40.2";
    assert_eq!(
        variants,
        [("audio", "avc1.64001f,mp4a.40.2"), ("audio-ec-3", codecs)]
    );
}

#[test]
fn sound_alone_is_a_variant_with_its_other_languages() {
    let mut tracks = with_sound("a-de-aac", "mp4a.40.2", 7, 2);
    tracks.remove(0);
    let view = View::new(tracks.clone(), &all(&tracks), 0);
    let expected = "#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"a-en-aac\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"a-de-aac\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a-de-aac.m3u8\"
#EXT-X-STREAM-INF:BANDWIDTH=2016,AVERAGE-BANDWIDTH=2005,CODECS=\"mp4a.40.2\",AUDIO=\"audio\"
a-en-aac.m3u8
";
    assert_eq!(master(&view).unwrap(), expected);
    parse_master_playlist_res(expected.as_bytes()).unwrap();
    assert!(text_of(&view, "a-en-aac").unwrap().ends_with("ENDLIST\n"));
    assert_eq!(iframes(&view, &"a-en-aac".parse().unwrap()), None);
}

proptest! {
    /// Segments are committed in any order; after each, the lines before still stand.
    #[test]
    fn a_published_line_never_changes(order in Just(all(&tracks())).prop_shuffle()) {
        let lines = |view: &View, track: &str| -> Vec<String> {
            let text = text_of(view, track).unwrap_or_default();
            text.lines().filter(|l| !l.starts_with("#EXT-X-")).map(str::to_owned).collect()
        };
        for track in ["v720", "a-en-aac"] {
            let mut before = Vec::new();
            for count in 1..=order.len() {
                let now = lines(&view(&order[..count]), track);
                prop_assert!(now.starts_with(&before));
                before = now;
            }
            prop_assert_eq!(before.len(), 13);
        }
    }

    /// Lengths add up to the whole within a microsecond, whatever the timescale.
    #[test]
    fn lengths_add_up(timescale in 1u32..200_000, lengths in prop::collection::vec(1u64..2_000_000, 1..50)) {
        let mut plan = tracks().remove(0);
        plan.timescale = timescale;
        plan.starts = lengths.iter().scan(0, |at, l| { let s = *at; *at += l; Some(s) }).collect();
        plan.starts.push(lengths.iter().sum());
        let sum: f64 = (0..lengths.len()).map(|n| extinf(&plan, n).parse::<f64>().unwrap()).sum();
        let whole = lengths.iter().sum::<u64>() as f64 / f64::from(timescale);
        prop_assert!((sum - whole).abs() < 1e-6 * whole.max(1.0), "{sum} {whole}");
    }
}
