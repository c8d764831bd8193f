//! Subtitles and captions in HLS: one group for all variants, each track a playlist of WebVTT that
//! grows with the pictures. Pure. Sources: RFC 8216, 3.5, 4.3.4.1 and 4.3.4.2.

use std::fmt::Write;

use streamgate_contract::plan::Media;
use streamgate_contract::renditions::VideoCodec;

use super::{HEAD, extinf, language, target_duration};
use crate::services::streaming::text::TextView;
use crate::services::streaming::view::View;

/// Name of the group of subtitles.
const GROUP: &str = "text";
/// Name of the group of captions in the pictures.
const CAPTIONS: &str = "captions";
/// What subtitles for those who do not hear say besides words.
const CHARACTERISTICS: &str = ",CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,\
                               public.accessibility.describes-music-and-sound\"";

/// The lines of the groups in the master playlist.
pub fn lines(view: &View) -> String {
    let mut text: String = view.texts.iter().map(line).collect();
    if has_captions(view) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"{CAPTIONS}\",NAME=\"CC1\",DEFAULT=NO,\
             AUTOSELECT=YES,INSTREAM-ID=\"CC1\"{CHARACTERISTICS}"
        );
    }
    text
}

fn line(track: &TextView) -> String {
    let (plan, said) = (&track.plan, &track.plan.traits);
    let language = language(&plan.language).map(|tag| format!(",LANGUAGE=\"{tag}\""));
    let yes = |is: bool| if is { "YES" } else { "NO" };
    let characteristics = if said.hearing_impaired {
        CHARACTERISTICS
    } else {
        ""
    };
    format!(
        "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{GROUP}\",NAME=\"{}\"{},DEFAULT={},AUTOSELECT=YES,\
         FORCED={}{characteristics},URI=\"{}.m3u8\"\n",
        quotable(&plan.label),
        language.unwrap_or_default(),
        yes(said.default),
        yes(said.forced),
        plan.id
    )
}

/// What may stand in a quoted string.
fn quotable(label: &str) -> String {
    let allowed = |c: &char| !c.is_control() && *c != '"';
    label.chars().filter(allowed).collect()
}

/// Captions that are read here and ride in every rung: only H.264 keeps them.
fn has_captions(view: &View) -> bool {
    let keeps = |media: &Media| match media {
        Media::Video { codec, .. } => *codec == VideoCodec::H264,
        Media::Audio { .. } => true,
    };
    let kept = view.tracks.iter().all(|track| keeps(&track.plan.media));
    kept && view.texts.iter().any(|text| text.plan.captions)
}

/// Attributes that every variant has. Of captions that ride along unread, or in some rungs only,
/// nothing can be said.
pub fn of_variants(view: &View) -> String {
    let subtitles = match view.texts.is_empty() {
        true => String::new(),
        false => format!(",SUBTITLES=\"{GROUP}\""),
    };
    let pictures = view.tracks.iter().any(|track| track.is_video());
    let captions = match (has_captions(view), view.captions) {
        (true, _) => format!(",CLOSED-CAPTIONS=\"{CAPTIONS}\""),
        (false, false) if pictures => ",CLOSED-CAPTIONS=NONE".to_owned(),
        (false, _) => String::new(),
    };
    subtitles + &captions
}

/// The playlist of a text track; `None` as long as nothing can be played.
pub fn playlist(view: &View, text: &TextView) -> Option<String> {
    let hash = text.short()?;
    let first = &view.tracks.first()?.plan;
    let playable = view.playable().min(text.plan.vtt.len());
    if playable == 0 {
        return None;
    }
    let (id, target, whole) = (&text.plan.id, target_duration(view), view.is_whole());
    let kind = if whole {
        "VOD"
    } else {
        "EVENT\n#EXT-X-START:TIME-OFFSET=0"
    };
    let mut list = format!(
        "{HEAD}#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{kind}\n"
    );
    for number in 0..playable {
        let seconds = extinf(first, number);
        let _ = writeln!(list, "#EXTINF:{seconds},\n{id}/{number:06}-{hash}.vtt");
    }
    if whole {
        list += "#EXT-X-ENDLIST\n";
    }
    Some(list)
}

#[cfg(test)]
mod tests;
