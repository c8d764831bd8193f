//! Cues as samples of WebVTT in MP4. Source: ISO/IEC 14496-30, 7.

use super::init::mp4_atom_box;
use crate::text::cue::Placed;

/// A sample during which these cues are shown; a box of its own says that none is.
pub fn sample<'a>(cues: impl Iterator<Item = &'a Placed>) -> Vec<u8> {
    let sample: Vec<u8> = cues.flat_map(cue).collect();
    match sample.is_empty() {
        true => mp4_atom_box(b"vtte", &[]),
        false => sample,
    }
}

fn cue(cue: &Placed) -> Vec<u8> {
    let mut body = Vec::new();
    if !cue.settings.is_empty() {
        body.extend(mp4_atom_box(b"sttg", cue.settings.as_bytes()));
    }
    body.extend(mp4_atom_box(b"payl", cue.text.as_bytes()));
    mp4_atom_box(b"vttc", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_holds_the_boxes_of_its_cues() {
        let cue = Placed {
            start: 0,
            end: 1,
            settings: "line:0".into(),
            text: "Hi".into(),
        };
        let expected = b"\0\0\0\x20vttc\0\0\0\x0esttgline:0\0\0\0\x0apaylHi";
        assert_eq!(sample([&cue].into_iter()), expected);
        assert_eq!(sample([].into_iter()), b"\0\0\0\x08vtte");
    }
}
