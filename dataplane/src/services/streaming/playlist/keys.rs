//! EXT-X-KEY of encrypted outputs. Pure. Source: RFC 8216, 4.3.2.4.

use streamgate_contract::TrackId;
use streamgate_contract::encryption::{Scheme, vector};

use crate::services::streaming::view::View;

/// The line for a whole track, its init segment included: samples are encrypted, and the boxes say
/// how.
pub fn of_track(view: &View) -> &'static str {
    match view.scheme() {
        Some(Scheme::Cbcs) => "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"key\",KEYFORMAT=\"identity\"\n",
        Some(Scheme::Aes128 | Scheme::Cenc) | None => "",
    }
}

/// The line before a segment that is encrypted as a whole; the init segment above it is not.
pub fn of_segment(view: &View, track: &TrackId, number: usize) -> String {
    match view.protected {
        Some(protected) if protected.scheme == Scheme::Aes128 => {
            let number = u32::try_from(number).ok();
            let vector = vector(protected.key_id, track, number);
            format!("#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x{vector}\n")
        }
        _ => String::new(),
    }
}
