//! The Secret with a gate's keys: what is in it when it is made, and the patches that change it. The
//! operator cannot read Secrets, so a patch moves a private half from file to file without it, and what
//! is no secret (public halves, states, times) stands in an annotation.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use streamgate_contract::config::{
    OBJECT_URL_KEY, PLAYBACK_KEY, PLAYBACK_PUBLIC_KEY, SESSION_KEY, SESSION_PUBLIC_KEY,
};
use streamgate_crds::stream_gate::{KeyState, KeyUse, SigningKey};

use super::ring::{Move, Public, Ring, Rules, Step};
use super::{Pair, Spares};

/// Annotation with the states of the keys, as JSON.
pub const STATES: &str = "streamgate.io/token-keys";
/// DER in front of 32 bytes: SubjectPublicKeyInfo of Ed25519 (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Files of one kind of key.
struct Files {
    /// Private half that signs.
    signs: &'static str,
    /// Private half of the next key; never mounted.
    next: &'static str,
    /// Public halves of all that verify.
    public: &'static str,
}

const SESSION: Files = Files {
    signs: SESSION_KEY,
    next: "session-next.pem",
    public: SESSION_PUBLIC_KEY,
};
const PLAYBACK: Files = Files {
    signs: PLAYBACK_KEY,
    next: "playback-next.pem",
    public: PLAYBACK_PUBLIC_KEY,
};

/// The keys of every kind of token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rings {
    /// Of sessions.
    pub session: Ring,
    /// Of playback handles.
    pub playback: Ring,
}

/// What the spec says of the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRules {
    /// Of sessions.
    pub session: Rules,
    /// Of playback handles.
    pub playback: Rules,
}

/// A change of the Secret.
#[derive(Clone, Debug)]
pub struct Change {
    /// The keys after it.
    pub rings: Rings,
    /// JSON patch (RFC 6902); fails when the states are not those it was made of.
    pub patch: Value,
    /// Ids of the keys that it withdraws.
    pub withdrawn: Vec<String>,
}

impl Rings {
    /// When there is something to do again, in seconds since 1970.
    pub fn wakes(&self, rules: &KeyRules) -> i64 {
        let session = self.session.wakes(&rules.session);
        session.min(self.playback.wakes(&rules.playback))
    }

    /// What the status says.
    pub fn told(&self) -> Vec<SigningKey> {
        let session = told(&self.session, KeyUse::Session);
        session
            .chain(told(&self.playback, KeyUse::Playback))
            .collect()
    }
}

fn told(ring: &Ring, purpose: KeyUse) -> impl Iterator<Item = SigningKey> + use<'_> {
    let key = move |public: Public, state, since, until: Option<i64>| SigningKey {
        id: public.id(),
        purpose,
        state,
        since: time(since),
        until: until.map(time),
    };
    let (active, next) = (ring.active, ring.next);
    let retired = ring.retired.iter();
    let retired = retired.map(move |k| key(k.public, KeyState::Retired, k.since, Some(k.until)));
    [
        key(active.public, KeyState::Active, active.since, None),
        key(next.public, KeyState::Next, next.since, None),
    ]
    .into_iter()
    .chain(retired)
}

/// RFC 3339; a time beyond what can be written is the last one that can.
fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.0}")
}

/// A Secret with fresh keys.
pub fn fresh(
    mut metadata: ObjectMeta,
    now: i64,
    rules: &KeyRules,
    [session, playback]: &[Spares; 2],
    url_key: [u8; 32],
) -> (Secret, Rings) {
    let ring = |spares: &Spares, rules: &Rules| Ring::new(now, rules.life, publics(spares));
    let rings = Rings {
        session: ring(session, &rules.session),
        playback: ring(playback, &rules.playback),
    };
    let mut files = BTreeMap::from([(OBJECT_URL_KEY.to_owned(), ByteString(url_key.to_vec()))]);
    for (names, ring, spares) in [
        (SESSION, &rings.session, session),
        (PLAYBACK, &rings.playback, playback),
    ] {
        let [signs, next] = spares;
        let texts = [
            (names.signs, signs.private.clone()),
            (names.next, next.private.clone()),
            (names.public, public_file(ring)),
        ];
        files.extend(texts.map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes()))));
    }
    let states = metadata.annotations.get_or_insert_default();
    states.insert(STATES.to_owned(), written(&rings));
    let secret = Secret {
        metadata,
        type_: Some("Opaque".to_owned()),
        data: Some(files),
        ..Secret::default()
    };
    (secret, rings)
}

/// What is to change at `now` of keys whose states the annotation `read` tells; `None` when nothing.
pub fn change(
    rings: &Rings,
    read: &str,
    now: i64,
    rules: &KeyRules,
    [session, playback]: &[Spares; 2],
) -> Option<Change> {
    let steps = [
        (SESSION, &rings.session, &rules.session, session),
        (PLAYBACK, &rings.playback, &rules.playback, playback),
    ];
    let steps = steps.map(|(names, ring, rules, spares)| {
        let step = ring.step(now, rules, publics(spares));
        step.map(|step| (operations(&names, &step, spares), step))
    });
    if steps.iter().all(Option::is_none) {
        return None;
    }
    let [session, playback] = steps;
    let mut rings = rings.clone();
    let mut withdrawn = Vec::new();
    let mut patch = vec![operation("test", &states_path(), json!(read))];
    for (step, ring) in [
        (session, &mut rings.session),
        (playback, &mut rings.playback),
    ] {
        let Some((operations, step)) = step else {
            continue;
        };
        patch.extend(operations);
        withdrawn.extend(step.withdrawn);
        *ring = step.ring;
    }
    patch.push(operation("replace", &states_path(), json!(written(&rings))));
    Some(Change {
        rings,
        patch: Value::Array(patch),
        withdrawn,
    })
}

fn operations(names: &Files, step: &Step, spares: &Spares) -> Vec<Value> {
    let put = |name: &str, text: &str| operation("add", &path(name), json!(STANDARD.encode(text)));
    let spare = |n: usize| spares.get(n).map_or("", |pair| pair.private.as_str());
    let moves = step.moves.iter().map(|to| match to {
        Move::Promote => {
            json!({"op": "move", "from": path(names.next), "path": path(names.signs)})
        }
        Move::Sign(n) => put(names.signs, spare(*n)),
        Move::Await(n) => put(names.next, spare(*n)),
    });
    let public = put(names.public, &public_file(&step.ring));
    moves.chain([public]).collect()
}

fn operation(op: &str, path: &str, value: Value) -> Value {
    json!({"op": op, "path": path, "value": value})
}

fn path(file: &str) -> String {
    format!("/data/{file}")
}

/// RFC 6901 writes a slash as `~1`.
fn states_path() -> String {
    format!("/metadata/annotations/{}", STATES.replace('/', "~1"))
}

fn written(rings: &Rings) -> String {
    json!(rings).to_string()
}

fn publics([one, two]: &Spares) -> [Public; 2] {
    [one.public, two.public]
}

fn public_file(ring: &Ring) -> String {
    ring.known().map(|key| pem(&key)).collect()
}

/// SPKI PEM (RFC 7468, RFC 8410).
fn pem(key: &Public) -> String {
    let der = STANDARD.encode([&SPKI_PREFIX[..], &key.0].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
}

/// The private half is not shown.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
