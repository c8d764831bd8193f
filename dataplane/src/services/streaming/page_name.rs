//! Names of the pages of what is watched: playlists, the manifest, what there is. A name has one form.

use std::str::FromStr;

use streamgate_contract::TrackId;

use super::name::NoFileName;

/// Media type of playlists.
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// Media type of the manifest.
const MANIFEST: &str = "application/dash+xml";
/// Media type of the storyboard's tiles in time.
const TILES: &str = "text/vtt";
/// Media type of what a viewing offers.
const INFO: &str = "application/json";

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageName {
    /// `master.m3u8`
    Master,
    /// `manifest.mpd`
    Manifest,
    /// `storyboard.vtt`
    Storyboard,
    /// `info.json`
    Info,
    /// `{track}.m3u8`
    Media(TrackId),
    /// `{track}.iframes.m3u8`
    IFrames(TrackId),
}

impl PageName {
    /// Media type of the page.
    pub fn media_type(&self) -> &'static str {
        match self {
            PageName::Manifest => MANIFEST,
            PageName::Storyboard => TILES,
            PageName::Info => INFO,
            PageName::Master | PageName::Media(_) | PageName::IFrames(_) => PLAYLIST,
        }
    }
}

impl FromStr for PageName {
    type Err = NoFileName;

    fn from_str(text: &str) -> Result<Self, NoFileName> {
        let track = |id: &str| id.parse::<TrackId>().map_err(|_| NoFileName);
        match text.split_once('.').ok_or(NoFileName)? {
            ("master", "m3u8") => Ok(PageName::Master),
            ("manifest", "mpd") => Ok(PageName::Manifest),
            ("storyboard", "vtt") => Ok(PageName::Storyboard),
            ("info", "json") => Ok(PageName::Info),
            (id, "m3u8") => track(id).map(PageName::Media),
            (id, "iframes.m3u8") => track(id).map(PageName::IFrames),
            _ => Err(NoFileName),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_name() {
        let track: TrackId = "v720".parse().unwrap();
        for (text, name) in [
            ("master.m3u8", PageName::Master),
            ("manifest.mpd", PageName::Manifest),
            ("storyboard.vtt", PageName::Storyboard),
            ("info.json", PageName::Info),
            ("v720.m3u8", PageName::Media(track.clone())),
            ("v720.iframes.m3u8", PageName::IFrames(track)),
        ] {
            assert_eq!(text.parse(), Ok(name));
        }
        for wrong in [
            "",
            "master",
            ".m3u8",
            "master.mpd",
            "V720.m3u8",
            "v720.iframes",
            "v720..m3u8",
            "info.m3u8.json",
            "v720.m3u8.m3u8",
        ] {
            assert_eq!(wrong.parse::<PageName>(), Err(NoFileName), "{wrong}");
        }
    }
}
