//! The tiles of the storyboard in time, as WebVTT: each cue names a part of the image by a media
//! fragment. Pure. Sources: WebVTT; Media Fragments URI 1.0, 4.2.2.

use std::fmt::Write;

use streamgate_contract::stills::{Still, Tiles};

/// The list.
pub fn tiles(tiles: &Tiles) -> String {
    let (image, mut text) = (Still::Storyboard.file(), "WEBVTT\n".to_owned());
    for number in 0..tiles.count {
        let begin = u64::from(number) * u64::from(tiles.milliseconds);
        let end = begin + u64::from(tiles.milliseconds);
        let ((x, y), (w, h)) = (tiles.corner(number), (tiles.width, tiles.height));
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n{} --> {}\n{image}#xywh={x},{y},{w},{h}\n",
            time(begin),
            time(end)
        );
    }
    text
}

fn time(milliseconds: u64) -> String {
    let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{rest:03}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tile_has_its_time_and_its_place() {
        let list = tiles(&Tiles {
            count: 12,
            columns: 10,
            width: 160,
            height: 90,
            milliseconds: 601_500,
        });
        let head = "WEBVTT\n\n00:00:00.000 --> 00:10:01.500\nstoryboard.jpg#xywh=0,0,160,90\n";
        assert!(list.starts_with(head), "{list}");
        let last = "\n01:50:16.500 --> 02:00:18.000\nstoryboard.jpg#xywh=160,90,160,90\n";
        assert!(list.ends_with(last), "{list}");
    }
}
