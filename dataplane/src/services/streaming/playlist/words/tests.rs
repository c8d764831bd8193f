//! Groups and playlists of text.

use m3u8_rs::{AlternativeMediaType, parse_master_playlist_res, parse_media_playlist_res};

use super::super::fixtures::{HASH, all, committed, texts, tracks};
use super::super::master;
use super::*;
use crate::ports::catalog::Segment;

/// The output with two text tracks, of which this is committed.
fn view(committed: &[Segment], captions: bool) -> View {
    let mut plans = texts();
    plans[1].captions = captions;
    View::new(tracks(), committed, 0).worded(plans, committed, captions)
}

fn everything() -> Vec<Segment> {
    let objects = texts()
        .into_iter()
        .map(|t| committed(t.id.as_str(), None, t.bytes));
    all(&tracks()).into_iter().chain(objects).collect()
}

#[test]
fn every_variant_names_the_group_and_every_track_is_in_it() {
    let text = master(&view(&everything(), false)).unwrap();
    let line = "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"text\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,\
                AUTOSELECT=YES,FORCED=NO,URI=\"s-en.m3u8\"\n";
    assert!(text.contains(line), "{text}");
    let line = "NAME=\"Deutsch\",LANGUAGE=\"de\",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES,CHARACTERISTICS=\
                \"public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound\",\
                URI=\"s-de.m3u8\"\n";
    assert!(text.contains(line), "{text}");
    let list = parse_master_playlist_res(text.as_bytes()).unwrap();
    let subtitles = AlternativeMediaType::Subtitles;
    let of = |a: &&m3u8_rs::AlternativeMedia| a.media_type == subtitles;
    assert_eq!(list.alternatives.iter().filter(of).count(), 2);
    for variant in list.variants.iter().filter(|v| !v.is_i_frame) {
        assert_eq!(variant.subtitles.as_deref(), Some("text"));
    }
    assert_eq!(text.matches(",CLOSED-CAPTIONS=NONE\n").count(), 1);
}

#[test]
fn captions_that_ride_along_are_told_of_where_every_rung_has_them() {
    let text = master(&view(&everything(), true)).unwrap();
    assert!(text.contains("TYPE=CLOSED-CAPTIONS,GROUP-ID=\"captions\",NAME=\"CC1\""));
    assert!(text.contains(",CLOSED-CAPTIONS=\"captions\"\n"), "{text}");
    let mut hevc = tracks();
    if let Media::Video { codec, .. } = &mut hevc[0].media {
        *codec = VideoCodec::Hevc;
    }
    let view = View::new(hevc, &everything(), 0).worded(texts(), &everything(), true);
    let text = master(&view).unwrap();
    assert!(!text.contains("CLOSED-CAPTIONS"), "{text}");
}

#[test]
fn a_list_of_text_has_the_lengths_of_the_pictures_and_grows_with_them() {
    let mut some = everything();
    let view_of = |committed: &[Segment]| view(committed, false);
    let list = |view: &View| {
        let text = playlist(view, &view.texts[0]).unwrap();
        (parse_media_playlist_res(text.as_bytes()).unwrap(), text)
    };
    let (whole, _) = list(&view_of(&some));
    assert!(whole.end_list && whole.segments.len() == 6);
    assert_eq!(whole.segments[5].uri, format!("s-en/000005-{HASH}.vtt"));
    assert!(
        whole
            .segments
            .iter()
            .all(|s| s.duration == 4.0 && s.map.is_none())
    );
    some.retain(|s| s.number.is_none_or(|n| n < 2));
    let (event, text) = list(&view_of(&some));
    assert!(!event.end_list && text.contains("TYPE:EVENT"));
    assert_eq!(event.segments[..], whole.segments[..2]);
}

#[test]
fn nothing_plays_before_its_text_is_there() {
    let mut some = everything();
    some.retain(|s| s.track.as_str() != "s-de");
    let view = view(&some, false);
    assert!(master(&view).is_none() && playlist(&view, &view.texts[0]).is_none());
    assert!(!view.is_whole());
}
