//! The storyboard in DASH: one image whose tiles follow each other in time. Pure.
//! Source: DASH-IF IOP, 6.2.6 (tiles of thumbnail images).

use std::fmt::Write;

use streamgate_contract::stills::Still;

use crate::services::streaming::view::View;

/// What tells how an image is divided.
const TILES: &str = "http://dashif.org/guidelines/thumbnail_tile";

/// The set, where there is a storyboard. Of a presentation that grows it would be longer than that is.
pub(super) fn adaptation_set(text: &mut String, view: &View) {
    let (Some(tiles), Some(image)) = (view.tiles, view.still(Still::Storyboard)) else {
        return;
    };
    let (columns, rows) = (tiles.columns, tiles.rows());
    if !view.is_whole() {
        return;
    }
    let duration = u64::from(columns) * u64::from(rows) * u64::from(tiles.milliseconds);
    let bandwidth = (image.bytes * 8_000).div_ceil(duration.max(1)).max(1);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "<AdaptationSet id=\"1000\" contentType=\"image\" mimeType=\"image/jpeg\">\n\
         <SegmentTemplate timescale=\"1000\" duration=\"{duration}\" startNumber=\"0\" media=\"{}\"/>\n\
         <Representation id=\"storyboard\" bandwidth=\"{bandwidth}\" width=\"{}\" height=\"{}\">\n\
         <EssentialProperty schemeIdUri=\"{TILES}\" value=\"{columns}x{rows}\"/>\n\
         </Representation>\n</AdaptationSet>",
        Still::Storyboard.file(),
        columns * tiles.width,
        rows * tiles.height,
    );
}
