//! What each kind of token says.

use serde::{Deserialize, Serialize};
use streamgate_contract::{ContentId, OutputId};

use super::Claims;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;

/// A session: who signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The wallet.
    #[serde(with = "wallet")]
    pub sub: Wallet,
    /// The session, so that it can be ended.
    pub jti: String,
    /// When its person signed in; a session that is renewed keeps it.
    #[serde(default)]
    pub auth_time: UnixSeconds,
    /// What the sign-in proved besides the wallet, as rules name it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proven: Vec<String>,
}

impl Claims for Session {
    const TYPE: &'static str = "session+jwt";
    const AUDIENCE: &'static str = "session";
}

/// A playback handle: who may ask to watch what. Whether they may is asked anew with every lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewing {
    /// The wallet.
    #[serde(with = "wallet")]
    pub sub: Wallet,
    /// The session it was made in.
    pub sid: String,
    /// What is watched.
    pub content: ContentId,
    /// Which encode of it.
    pub output: OutputId,
    /// Hash of the rules it was granted under.
    pub rules: String,
    /// What was proven of the wallet: roots of Merkle trees it is in, claims of its OpenID
    /// provider. That need not be shown again with every lease; whether a rule still names it is
    /// asked anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proven: Vec<String>,
    /// Where alone it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Circumstances>,
}

/// Where a request comes from, as far as a handle is bound to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// Address; of IPv6 its /64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Digits of a hash of what the player calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Country, as a trusted proxy told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Origin of the page that plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl Circumstances {
    /// What differs from `here`, among what is bound; `None` when nothing does.
    pub fn differs(&self, here: &Self) -> Option<&'static str> {
        let pairs = [
            ("address", &self.address, &here.address),
            ("device", &self.device, &here.device),
            ("country", &self.country, &here.country),
            ("page", &self.origin, &here.origin),
        ];
        let mut wrong = pairs
            .into_iter()
            .filter(|(_, bound, here)| bound.is_some() && bound != here);
        wrong.next().map(|(name, ..)| name)
    }
}

impl Claims for Viewing {
    const TYPE: &'static str = "playback+jwt";
    const AUDIENCE: &'static str = "playback";
}

mod wallet {
    //! A wallet as text.
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::ports::chain::Wallet;

    pub fn serialize<S: Serializer>(wallet: &Wallet, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(wallet)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Wallet, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
