//! Still images of an output: a poster, and a storyboard to see by where one seeks. Plan makes both
//! from key frames of the source.

use serde::{Deserialize, Serialize};

use crate::ids::TrackId;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Still {
    /// What is shown before playing.
    Poster,
    /// Small pictures side by side, in rows.
    Storyboard,
}

impl Still {
    /// Both.
    pub const ALL: [Still; 2] = [Still::Poster, Still::Storyboard];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Still::Poster => "poster",
            Still::Storyboard => "storyboard",
        }
    }

    /// Name of its file.
    pub fn file(self) -> String {
        format!("{}.jpg", self.name())
    }

    /// Under which it is committed: no track of media has such a name.
    pub fn track(self) -> TrackId {
        TrackId(self.name().to_owned())
    }
}

/// The stills of an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stills {
    /// The poster.
    pub poster: StillPlan,
    /// The storyboard.
    pub storyboard: StillPlan,
    /// How the storyboard is divided.
    pub tiles: Tiles,
}

impl Stills {
    /// One of them.
    pub fn plan(&self, still: Still) -> &StillPlan {
        match still {
            Still::Poster => &self.poster,
            Still::Storyboard => &self.storyboard,
        }
    }
}

/// A JPEG image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StillPlan {
    /// SHA-256 in hex.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Tiles of a storyboard, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tiles {
    /// Tiles that hold a picture.
    pub count: u32,
    /// Tiles in a row.
    pub columns: u32,
    /// Pixels of a tile.
    pub width: u32,
    /// Pixels of a tile.
    pub height: u32,
    /// Media time that each stands for.
    pub milliseconds: u32,
}

impl Tiles {
    /// Rows.
    pub fn rows(&self) -> u32 {
        self.count.div_ceil(self.columns.max(1))
    }

    /// Left and upper edge of a tile, in pixels.
    pub fn corner(&self, number: u32) -> (u32, u32) {
        let columns = self.columns.max(1);
        let (column, row) = (number % columns, number / columns);
        (column * self.width, row * self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_row_by_row() {
        let tiles = Tiles {
            count: 23,
            columns: 10,
            width: 160,
            height: 90,
            milliseconds: 1_000,
        };
        assert_eq!(tiles.rows(), 3);
        assert_eq!(tiles.corner(0), (0, 0));
        assert_eq!(tiles.corner(9), (1_440, 0));
        assert_eq!(tiles.corner(22), (320, 180));
        assert_eq!(Still::Poster.track().as_str(), "poster");
    }
}
