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
