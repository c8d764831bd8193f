//! Profiles that a job may ask for by name.

use streamgate_contract::profiles::{self, Profile};
use streamgate_contract::renditions::{AudioSettings, GridSettings, Ladder, Rendition};

use super::Desk;

/// What a job without settings of its own is encoded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Name; `None` for what a job gets that names no profile.
    pub name: Option<String>,
    /// It is not the StreamGate's own.
    pub built_in: bool,
    /// Ladder, tallest first.
    pub renditions: Vec<Rendition>,
    /// Whether the ladder is made as it is said or fitted to the source.
    pub ladder: Ladder,
    /// Audio.
    pub audio: AudioSettings,
    /// Grid.
    pub grid: GridSettings,
}

impl Desk {
    /// Every profile by name, and before them what a job gets that names none.
    pub fn profiles(&self) -> Vec<Offer> {
        let own = &self.transcode.profiles;
        let named = profiles::names(own).into_iter().filter_map(|name| {
            let profile = profiles::find(own, &name)?;
            Some(self.offer(Some(name), profile))
        });
        let unnamed = self.offer(None, Profile::default());
        std::iter::once(unnamed).chain(named).collect()
    }

    /// What a profile does not say, the StreamGate's defaults say.
    fn offer(&self, name: Option<String>, profile: Profile) -> Offer {
        let gate = &self.transcode;
        let own = |name: &String| gate.profiles.contains_key(name);
        Offer {
            built_in: name.as_ref().is_some_and(|name| !own(name)),
            name,
            renditions: profile
                .renditions
                .unwrap_or_else(|| gate.renditions.clone()),
            ladder: profile.ladder.unwrap_or(gate.ladder),
            audio: profile.audio.unwrap_or_else(|| gate.audio.clone()),
            grid: profile.grid.unwrap_or_else(|| gate.grid.clone()),
        }
    }
}
