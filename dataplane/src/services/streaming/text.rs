//! Text tracks of an output. The object of a track holds all its segments; a request for one is
//! answered with a part of it. Pure.

use std::sync::Arc;

use streamgate_contract::text::TextPlan;

use super::fragments::{Fragment, Kind};
use super::name::FileName;
use super::page::Once;
use crate::ports::catalog::Segment;

/// A text track and its object.
#[derive(Debug)]
pub struct TextView {
    /// What it is and where its pieces lie.
    pub plan: TextPlan,
    object: Option<Segment>,
    /// Its media playlist.
    pub playlist: Once,
}

impl TextView {
    pub fn new(plan: TextPlan, committed: &[Segment]) -> Self {
        let object = committed.iter().find(|s| s.track == plan.id);
        Self {
            object: object.cloned(),
            plan,
            playlist: Once::default(),
        }
    }

    /// It is committed.
    pub fn is_there(&self) -> bool {
        self.object.is_some()
    }

    /// A file of the track.
    pub fn find(&self, name: FileName) -> Option<Arc<Fragment>> {
        let number = name.number.map(|number| number as usize);
        let (part, kind) = match number {
            Some(number) if name.webvtt => (self.plan.vtt.get(number), Kind::WebVtt),
            Some(number) => (self.plan.fragments.get(number), Kind::Text),
            None => (Some(&self.plan.init), Kind::Text),
        };
        let fragment = Fragment::text(self.object.as_ref()?, *part?, kind);
        let same = name.hash.is_none_or(|hash| hash == fragment.short());
        same.then(|| Arc::new(fragment))
    }

    /// First digits of the hash of its object.
    pub fn short(&self) -> Option<&str> {
        let object = self.object.as_ref()?;
        object.sha256.get(..super::name::HASH_DIGITS)
    }

    /// Largest rate of its fragments in bit/s, which last as long as these segments.
    pub fn peak(&self, starts: &[u64], timescale: u32) -> u64 {
        let lengths = starts.windows(2).map(|w| w[1].saturating_sub(w[0]).max(1));
        let rate = |(slice, ticks): (&streamgate_contract::text::Slice, u64)| {
            let bits = u128::from(slice.len()) * 8 * u128::from(timescale);
            u64::try_from(bits.div_ceil(ticks.into())).unwrap_or(u64::MAX)
        };
        let rates = self.plan.fragments.iter().zip(lengths).map(rate);
        rates.max().unwrap_or(1).max(1)
    }
}
