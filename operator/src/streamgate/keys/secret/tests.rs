//! The Secret as it is made and changed. The patches are applied here to see what comes of them; that
//! the API server does the same is seen by the integration tests.

use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{SigningKey as Private, VerifyingKey};
use streamgate_contract::config::KEY_FILES;

use super::super::{ring, spares, url_key};
use super::*;

const DAY: i64 = 86_400;

fn rules(withdrawn: &[String]) -> KeyRules {
    let rules = |life| Rules {
        every: 30 * DAY,
        life,
        withdrawn: withdrawn.to_vec(),
    };
    KeyRules {
        session: rules(DAY / 2),
        playback: rules(DAY),
    }
}

/// The files as text and the states.
struct Kept {
    files: BTreeMap<String, String>,
    rings: Rings,
}

impl Kept {
    fn new() -> Self {
        let metadata = ObjectMeta::default();
        let (secret, rings) = fresh(metadata, 0, &rules(&[]), &spares().unwrap(), url_key());
        let annotations = secret.metadata.annotations.unwrap();
        assert_eq!(annotations[STATES], written(&rings));
        let mut files = secret.data.unwrap();
        assert_eq!(files.remove(OBJECT_URL_KEY).unwrap().0.len(), 32);
        let text = |(name, ByteString(bytes))| (name, String::from_utf8(bytes).unwrap());
        let files = files.into_iter().map(text).collect();
        Self { files, rings }
    }

    /// Does what a patch says; the ids that it withdraws.
    fn change(&mut self, now: i64, withdrawn: &[String]) -> Option<Vec<String>> {
        let read = written(&self.rings);
        let change = change(
            &self.rings,
            &read,
            now,
            &rules(withdrawn),
            &spares().unwrap(),
        )?;
        let name = |value: &Value| value.as_str().unwrap().replace("/data/", "");
        for operation in change.patch.as_array().unwrap() {
            let to = name(&operation["path"]);
            match operation["op"].as_str().unwrap() {
                "test" => assert_eq!(operation["value"], json!(read)),
                "replace" => assert_eq!(operation["value"], json!(written(&change.rings))),
                "move" => {
                    let moved = self.files.remove(&name(&operation["from"])).unwrap();
                    self.files.insert(to, moved);
                }
                _ => {
                    let bytes = STANDARD
                        .decode(operation["value"].as_str().unwrap())
                        .unwrap();
                    self.files.insert(to, String::from_utf8(bytes).unwrap());
                }
            }
        }
        self.rings = change.rings;
        self.agrees();
        Some(change.withdrawn)
    }

    fn private(&self, name: &str) -> Public {
        let key = Private::from_pkcs8_pem(&self.files[name]).unwrap();
        Public(key.verifying_key().to_bytes())
    }

    /// Every file holds what the states say.
    fn agrees(&self) {
        for (names, ring) in [
            (SESSION, &self.rings.session),
            (PLAYBACK, &self.rings.playback),
        ] {
            assert_eq!(self.private(names.signs), ring.active.public);
            assert_eq!(self.private(names.next), ring.next.public);
            let listed = self.files[names.public].split_inclusive("-----END PUBLIC KEY-----\n");
            let listed = listed
                .map(|pem| Public(VerifyingKey::from_public_key_pem(pem).unwrap().to_bytes()));
            assert_eq!(listed.collect::<Vec<_>>(), ring.known().collect::<Vec<_>>());
        }
    }

    fn ids(&self, state: KeyState) -> Vec<String> {
        let told = self.rings.told().into_iter();
        told.filter(|key| key.state == state)
            .map(|key| key.id)
            .collect()
    }
}

#[test]
fn every_file_of_the_contract_is_there_and_none_is_made_twice() {
    let (one, two) = (Kept::new(), Kept::new());
    one.agrees();
    let mut names: Vec<_> = one.files.keys().map(String::as_str).collect();
    names.extend([OBJECT_URL_KEY]);
    assert!(KEY_FILES.iter().all(|name| names.contains(name)));
    assert_eq!(names.len(), KEY_FILES.len() + 2, "and the two next ones");
    assert!(
        one.files
            .iter()
            .all(|(name, text)| two.files[name] != *text)
    );
    assert_ne!(url_key(), url_key());
}

#[test]
fn a_turn_moves_the_private_half_and_publishes_another_one() {
    let mut kept = Kept::new();
    assert_eq!(kept.change(30 * DAY - 1, &[]), None);
    let (active, next) = (kept.ids(KeyState::Active), kept.ids(KeyState::Next));
    assert_eq!(kept.change(30 * DAY, &[]), Some(Vec::new()));
    assert_eq!(
        (kept.ids(KeyState::Active), kept.ids(KeyState::Retired)),
        (next, active)
    );
    let told = kept.rings.told();
    assert_eq!(told.len(), 6);
    assert_eq!(told[2].since, "1970-01-31T00:00:00Z");
    assert_eq!(told[2].until.as_deref(), Some("1970-01-31T12:15:00Z"));
    // Sessions end earlier than handles.
    assert_eq!(
        kept.rings.wakes(&rules(&[])),
        30 * DAY + DAY / 2 + ring::SPREAD
    );
    assert_eq!(kept.change(31 * DAY + ring::SPREAD, &[]), Some(Vec::new()));
    assert!(kept.ids(KeyState::Retired).is_empty());
}

#[test]
fn a_key_that_is_withdrawn_is_in_no_file() {
    let mut kept = Kept::new();
    let handles = kept.rings.playback.clone();
    let stolen = vec![kept.rings.session.active.public.id()];
    assert_eq!(kept.change(5, &stolen), Some(stolen.clone()));
    assert_eq!(kept.rings.playback, handles, "of another kind");
    assert!(kept.rings.told().iter().all(|key| key.id != stolen[0]));
    assert_eq!(kept.change(6, &stolen), None, "the list may stay as it is");
    let all: Vec<_> = kept.rings.told().into_iter().map(|key| key.id).collect();
    assert_eq!(kept.change(7, &all), Some(all.clone()));
    assert!(kept.rings.told().iter().all(|key| !all.contains(&key.id)));
}
