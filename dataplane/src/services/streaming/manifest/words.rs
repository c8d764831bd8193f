//! Subtitles and captions in DASH: WebVTT in fragments of MP4, by number like everything else. Pure.
//! Sources: ISO/IEC 23009-1, 5.8.5.5 (roles); ISO/IEC 14496-30; DASH-IF IOP, 6.4.

use std::fmt::Write;

use super::{TEMPLATE, timeline};
use crate::services::streaming::playlist::language;
use crate::services::streaming::text::TextView;
use crate::services::streaming::view::View;

/// What roles are named by.
const ROLES: &str = "urn:mpeg:dash:role:2011";

/// The sets of all text tracks, with identifiers from `next` on.
pub(super) fn adaptation_sets(text: &mut String, view: &View, next: usize, playable: usize) {
    let Some(first) = view.tracks.first() else {
        return;
    };
    let plan = &first.plan;
    // Writing to a string cannot fail.
    for (index, track) in view.texts.iter().enumerate() {
        let id = next + index;
        let lang = language(&track.plan.language).map(|tag| format!(r#" lang="{tag}""#));
        let _ = writeln!(
            text,
            r#"<AdaptationSet id="{id}" contentType="text" mimeType="application/mp4"{} segmentAlignment="true" startWithSAP="1">"#,
            lang.unwrap_or_default()
        );
        let _ = writeln!(text, "<Label>{}</Label>", escaped(&track.plan.label));
        roles(text, track);
        let _ = writeln!(
            text,
            r#"<SegmentTemplate timescale="{}" {TEMPLATE}>"#,
            plan.timescale
        );
        timeline(text, plan, playable);
        let bandwidth = track.peak(&plan.starts, plan.timescale);
        let _ = writeln!(
            text,
            "</SegmentTemplate>\n<Representation id=\"{}\" codecs=\"wvtt\" bandwidth=\"{bandwidth}\"/>\n</AdaptationSet>",
            track.plan.id
        );
    }
}

fn roles(text: &mut String, track: &TextView) {
    let said = track.plan.traits;
    let kind = match (said.forced, said.hearing_impaired) {
        (true, _) => "forced-subtitle",
        (false, true) => "caption",
        (false, false) => "subtitle",
    };
    for role in [kind].into_iter().chain(said.default.then_some("main")) {
        let _ = writeln!(text, r#"<Role schemeIdUri="{ROLES}" value="{role}"/>"#);
    }
}

/// What may stand between tags.
fn escaped(label: &str) -> String {
    let plain = label.replace('&', "&amp;").replace('<', "&lt;");
    plain.replace('>', "&gt;")
}
