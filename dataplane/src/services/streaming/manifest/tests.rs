//! The manifest against golden text, and while it grows.

use streamgate_contract::renditions::VideoCodec;

use super::*;
use crate::services::streaming::playlist::fixtures::{all, committed, protected, texts, tracks};
use streamgate_contract::stills::{Still, Tiles};

const STATIC: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT4S" type="static" mediaPresentationDuration="PT24.000000S">
<Period id="0" start="PT0S">
<AdaptationSet id="0" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
<SegmentTemplate timescale="12800" startNumber="0" initialization="$RepresentationID$/init.mp4" media="$RepresentationID$/$Number%06d$.m4s">
<SegmentTimeline><S t="0" d="51200" r="5"/></SegmentTimeline>
</SegmentTemplate>
<Representation id="v720" codecs="avc1.64001f" bandwidth="2010" width="1280" height="720" frameRate="25" sar="1:1"/>
</AdaptationSet>
<AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" lang="en" segmentAlignment="true" startWithSAP="1">
<SegmentTemplate timescale="48000" startNumber="0" initialization="$RepresentationID$/init.mp4" media="$RepresentationID$/$Number%06d$.m4s">
<SegmentTimeline><S t="0" d="192512"/><S d="191488"/><S d="192512"/><S d="191488"/><S d="192512"/><S d="191488"/></SegmentTimeline>
</SegmentTemplate>
<Representation id="a-en-aac" codecs="mp4a.40.2" bandwidth="2016" audioSamplingRate="48000"><AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/></Representation>
</AdaptationSet>
</Period>
</MPD>
"#;

#[test]
fn a_whole_output_is_static_with_measured_rates() {
    let view = View::new(tracks(), &all(&tracks()), 0);
    assert_eq!(mpd(&view).unwrap(), STATIC);
}

#[test]
fn every_choice_of_an_encrypted_output_says_so() {
    for (scheme, name) in [(Scheme::Cbcs, "cbcs"), (Scheme::Cenc, "cenc")] {
        let view = View::new(tracks(), &all(&tracks()), 0).protected(protected(scheme));
        let text = mpd(&view).unwrap();
        assert!(
            text.contains(r#" xmlns:cenc="urn:mpeg:cenc:2013""#),
            "{text}"
        );
        let line =
            format!(r#"value="{name}" cenc:default_KID="abababab-abab-abab-abab-abababababab"/>"#);
        assert_eq!(text.matches(&line).count(), 2, "{text}");
    }
}

#[test]
fn an_output_in_work_is_dynamic_and_lists_what_every_track_has() {
    let mut committed = all(&tracks());
    committed.retain(|s| {
        s.number
            .is_none_or(|n| n < 2 || (n < 4 && s.track.to_string() == "v720"))
    });
    let text = mpd(&View::new(tracks(), &committed, 1_700_000_000)).unwrap();
    assert!(text.contains(r#"type="dynamic" availabilityStartTime="1970-01-01T00:00:00Z" publishTime="2023-11-14T22:13:20Z" minimumUpdatePeriod="PT2S""#), "{text}");
    assert!(text.contains(r#"<S t="0" d="51200" r="1"/></"#), "{text}");
    assert!(
        text.contains(r#"<S t="0" d="192512"/><S d="191488"/></"#),
        "{text}"
    );
    committed.retain(|s| s.number.is_none());
    assert!(mpd(&View::new(tracks(), &committed, 0)).is_none());
}

#[test]
fn rungs_on_one_grid_are_one_choice_and_each_language_is_another() {
    let mut plans = tracks();
    for (from, id) in [(0, "v360"), (1, "a-de-aac")] {
        let mut plan = plans[from].clone();
        plan.id = id.parse().unwrap();
        plans.push(plan);
    }
    let text = mpd(&View::new(plans.clone(), &all(&plans), 0)).unwrap();
    assert_eq!(text.matches("<AdaptationSet ").count(), 3);
    let video = text.split("</AdaptationSet>").next().unwrap();
    assert_eq!(video.matches("<Representation ").count(), 2);
    let Media::Video { codec, .. } = &mut plans[2].media else {
        unreachable!()
    };
    *codec = VideoCodec::Av1;
    let text = mpd(&View::new(plans.clone(), &all(&plans), 0)).unwrap();
    assert_eq!(text.matches("<AdaptationSet ").count(), 4, "another codec");
    if let Media::Video { codec, .. } = &mut plans[2].media {
        *codec = VideoCodec::H264;
    }
    plans[2].starts[1] += 1;
    let text = mpd(&View::new(plans.clone(), &all(&plans), 0)).unwrap();
    assert_eq!(text.matches("<AdaptationSet ").count(), 4, "another grid");
}

#[test]
fn text_is_a_choice_of_its_own_on_the_grid_of_the_pictures() {
    let mut plans = texts();
    plans[1].label = "<Deutsch> & mehr".into();
    let objects = plans
        .iter()
        .map(|t| committed(t.id.as_str(), None, t.bytes));
    let committed: Vec<_> = all(&tracks()).into_iter().chain(objects).collect();
    let view = View::new(tracks(), &committed, 0).worded(plans, &committed, false);
    let text = mpd(&view).unwrap();
    let set = r#"<AdaptationSet id="2" contentType="text" mimeType="application/mp4" lang="en" segmentAlignment="true" startWithSAP="1">
<Label>English</Label>
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="subtitle"/>
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
<SegmentTemplate timescale="12800" startNumber="0" initialization="$RepresentationID$/init.mp4" media="$RepresentationID$/$Number%06d$.m4s">
<SegmentTimeline><S t="0" d="51200" r="5"/></SegmentTimeline>
</SegmentTemplate>
<Representation id="s-en" codecs="wvtt" bandwidth="60"/>
</AdaptationSet>
"#;
    assert!(text.contains(set), "{text}");
    assert!(text.contains("<Label>&lt;Deutsch&gt; &amp; mehr</Label>"));
    assert!(text.contains(r#"value="forced-subtitle"/>"#));
}

#[test]
fn the_storyboard_is_one_image_of_tiles() {
    let still = committed(Still::Storyboard.track().as_str(), None, 23_000);
    let mut committed = all(&tracks());
    committed.push(still);
    let tiles = Tiles {
        count: 23,
        columns: 10,
        width: 160,
        height: 90,
        milliseconds: 1_000,
    };
    let view = |committed: &[_]| View::new(tracks(), committed, 0).tiled(Some(tiles));
    let text = mpd(&view(&committed)).unwrap();
    let set = r#"<AdaptationSet id="1000" contentType="image" mimeType="image/jpeg">
<SegmentTemplate timescale="1000" duration="30000" startNumber="0" media="storyboard.jpg"/>
<Representation id="storyboard" bandwidth="6134" width="1600" height="270">
<EssentialProperty schemeIdUri="http://dashif.org/guidelines/thumbnail_tile" value="10x3"/>
</Representation>
</AdaptationSet>
"#;
    assert!(text.contains(set), "{text}");
    committed.retain(|s| s.number != Some(5));
    assert!(!mpd(&view(&committed)).unwrap().contains("storyboard"));
}
