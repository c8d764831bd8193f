//! Signing keys of a gate on a real API server: they turn when their time has come, and one that is
//! withdrawn is gone at once. The operator patches a Secret that it does not read.

use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;

use super::*;

const STATES: &str = "streamgate.io/token-keys";
const END: &str = "-----END PUBLIC KEY-----\n";

/// The files of the Secret as text.
async fn files(client: &Client) -> Result<BTreeMap<String, String>> {
    let secret = api::<Secret>(client).get("demo-keys").await?;
    let files = secret.data.unwrap_or_default().into_iter();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
    Ok(files.map(|(name, bytes)| (name, text(bytes.0))).collect())
}

/// `use state` of every key, by its id.
async fn states(client: &Client) -> Result<BTreeMap<String, String>> {
    let gate = api::<StreamGate>(client).get("demo").await?;
    let keys = gate.status.map(|status| status.keys).unwrap_or_default();
    let state = |key: &streamgate_crds::stream_gate::SigningKey| {
        (key.id.clone(), format!("{:?} {:?}", key.purpose, key.state))
    };
    Ok(keys.iter().map(state).collect())
}

fn id(states: &BTreeMap<String, String>, state: &str) -> String {
    let found = states.iter().find(|(_, said)| *said == state);
    found.map(|(id, _)| id.clone()).unwrap_or_default()
}

/// How many keys of the public file there are, and how many of them verify what the private one signs.
fn verify(files: &BTreeMap<String, String>, kind: &str) -> Result<(usize, usize)> {
    let private = SigningKey::from_pkcs8_pem(&files[&format!("{kind}.pem")])?;
    let signature = private.sign(b"token");
    let public = files[&format!("{kind}.pub.pem")].split_inclusive(END);
    let keys: Vec<_> = public
        .map(VerifyingKey::from_public_key_pem)
        .collect::<std::result::Result<_, _>>()?;
    let good = keys
        .iter()
        .filter(|key| key.verify(b"token", &signature).is_ok());
    Ok((keys.len(), good.count()))
}

/// Lets the keys be as old as if they had been made `days` ago.
async fn age(client: &Client, days: i64) -> Result<()> {
    let secrets = api::<Secret>(client);
    let secret = secrets.get("demo-keys").await?;
    let mut states: Value = serde_json::from_str(&secret.annotations()[STATES])?;
    for ring in ["session", "playback"] {
        for key in ["active", "next"] {
            let since = states[ring][key]["since"].as_i64().unwrap_or_default();
            states[ring][key]["since"] = json!(since - days * 86_400);
        }
    }
    let aged = json!({"metadata": {"annotations": {STATES: states.to_string()}}});
    secrets
        .patch("demo-keys", &PatchParams::default(), &Patch::Merge(aged))
        .await?;
    Ok(())
}

async fn event(client: &Client, reason: &str) -> Result<String> {
    eventually(reason, || async {
        let events = api::<Event>(client).list(&ListParams::default()).await?;
        let found = events
            .items
            .into_iter()
            .find(|e| e.reason.as_deref() == Some(reason));
        Ok(found.map(|event| event.note.unwrap_or_default()))
    })
    .await
}

pub async fn they_turn_when_their_time_has_come(client: &Client) -> Result<()> {
    let (before, old) = (files(client).await?, states(client).await?);
    assert_eq!(old.len(), 4, "{old:?}");
    assert_eq!(verify(&before, "session")?, (2, 1));
    let young = json!({"auth": {"keys": {"rotationSeconds": 86_400}}});
    change::<StreamGate>(client, "demo", young).await?;
    said::<StreamGate>(client, "demo", "Ready", "True", "Available").await?;
    assert_eq!(states(client).await?, old, "not before its time");
    age(client, 2).await?;
    // What is in the Secret is looked at when the spec changes, and on a slow tick.
    let shorter = json!({"auth": {"keys": {"rotationSeconds": 90_000}}});
    change::<StreamGate>(client, "demo", shorter).await?;
    let new = eventually("keys that turned", || async {
        let new = states(client).await?;
        Ok((new.len() == 6).then_some(new))
    })
    .await?;
    let after = files(client).await?;
    for (kind, word) in [("session", "Session"), ("playback", "Playback")] {
        let [active, next, retired] = ["Active", "Next", "Retired"].map(|s| format!("{word} {s}"));
        assert_eq!(id(&new, &retired), id(&old, &active));
        assert_eq!(id(&new, &active), id(&old, &next));
        assert!(!old.contains_key(&id(&new, &next)));
        assert_eq!(
            after[&format!("{kind}.pem")],
            before[&format!("{kind}-next.pem")]
        );
        assert_ne!(
            after[&format!("{kind}-next.pem")],
            before[&format!("{kind}-next.pem")]
        );
        assert_eq!(verify(&after, kind)?, (3, 1));
        let known = &after[&format!("{kind}.pub.pem")];
        let all = before[&format!("{kind}.pub.pem")].split_inclusive(END);
        assert!(
            all.into_iter().all(|key| known.contains(key)),
            "one is missing"
        );
    }
    assert_eq!(after["object-url.key"], before["object-url.key"]);
    event(client, "KeysRotated").await.map(|_| ())
}

pub async fn one_that_is_withdrawn_is_gone_at_once(client: &Client) -> Result<()> {
    let (before, old) = (files(client).await?, states(client).await?);
    let stolen = [id(&old, "Session Active"), id(&old, "Playback Retired")];
    let withdraw = json!({"auth": {"keys": {"withdrawn": stolen}}});
    change::<StreamGate>(client, "demo", withdraw).await?;
    let new = eventually("keys that were withdrawn", || async {
        let new = states(client).await?;
        Ok(stolen.iter().all(|id| !new.contains_key(id)).then_some(new))
    })
    .await?;
    assert_eq!(id(&new, "Session Active"), id(&old, "Session Next"));
    assert_eq!(id(&new, "Session Retired"), id(&old, "Session Retired"));
    assert_eq!(id(&new, "Playback Active"), id(&old, "Playback Active"));
    let after = files(client).await?;
    assert_eq!(after["session.pem"], before["session-next.pem"]);
    assert_eq!(
        (verify(&after, "session")?, verify(&after, "playback")?),
        ((3, 1), (2, 1))
    );
    let note = event(client, "KeysWithdrawn").await?;
    assert!(stolen.iter().all(|id| note.contains(id)), "{note}");
    // Kubelet looks at the files of a pod that was touched at once.
    let pods = api::<Pod>(client).list(&ListParams::default()).await?;
    let touched = |pod: &Pod| pod.annotations().contains_key("streamgate.io/keys-changed");
    assert!(!pods.items.is_empty() && pods.items.iter().all(touched));
    Ok(())
}
