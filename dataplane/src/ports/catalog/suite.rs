//! What every catalog must do. An adapter's test hands in an empty catalog.

use streamgate_contract::encryption::{ContentKey, Hex16};
use streamgate_contract::job_files::Usage;
use streamgate_contract::plan::Plan;
use streamgate_contract::quality::{Nearness, TrackQuality};

use super::library::Page;
use super::{Catalog, CatalogError, Content, ContentState, MachineKey, Output, Segment};

mod alarms;
mod changes;
mod library;
mod schedules;
mod twins;
mod uploads;

pub use uploads::{part, upload};

/// A content that is being processed.
pub fn content(id: &str) -> Content {
    Content {
        id: id.parse().unwrap(),
        title: "A title with 'quotes' and ü".into(),
        owner: "0xa".into(),
        rule: Some("holders".into()),
        state: ContentState::Processing,
        current_output: None,
    }
}

/// A plan of 1 s segments: one video track with two segments, one audio track with two.
pub fn plan() -> Plan {
    let track = |id: &str, codecs: &str, timescale: u64, media: serde_json::Value| {
        serde_json::json!({"id": id, "codecs": codecs, "timescale": timescale, "initSha256": "00",
            "initBytes": 3, "starts": [0, timescale, 2 * timescale - timescale / 4], "media": media})
    };
    let video = serde_json::json!({"kind": "video", "width": 1280, "height": 720, "maxKbps": 2800,
        "crf": 23, "frameRate": {"num": 25, "den": 1}});
    let audio = serde_json::json!({"kind": "audio", "kbps": 128, "sampleRate": 48000,
        "channels": 2, "language": "en"});
    serde_json::from_value(serde_json::json!({
        "engine": "test", "spans": [],
        "source": {"bytes": 1, "container": "mov", "audio": [], "video": {"stream": 0,
            "codec": "h264", "width": 1280, "height": 720, "frameRate": {"num": 25, "den": 1},
            "timeBase": {"num": 1, "den": 25}, "frames": 1, "pts": [0], "endPts": 44}},
        "grid": {"gopFrames": 25, "segmentFrames": 25, "segmentsPerChunk": 1, "chunksPerSpan": 1,
            "segments": 2},
        "tracks": [track("v720", "avc1.64001f", 12_800, video),
            track("a-en-aac", "mp4a.40.2", 48_000, audio)],
    }))
    .unwrap()
}

/// An output of `content`.
pub fn output(id: &str, content: &str, job: &str) -> Output {
    Output {
        id: id.parse().unwrap(),
        content: content.parse().unwrap(),
        job: job.into(),
        plan: plan(),
        complete: false,
    }
}

/// A committed object.
pub fn segment(track: &str, number: Option<u32>, sha256: &str) -> Segment {
    Segment {
        track: track.parse().unwrap(),
        number,
        key: format!("contents/c/o/{track}/{number:?}"),
        bytes: 1_000,
        sha256: sha256.into(),
        head_bytes: number.map(|_| 100),
    }
}

/// Runs the whole suite.
pub async fn run(catalog: &dyn Catalog) {
    contents_are_kept_and_changed(catalog).await;
    a_job_content_keeps_its_namespace(catalog).await;
    a_job_has_one_output(catalog).await;
    the_first_commit_wins(catalog).await;
    what_pods_took_adds_up(catalog).await;
    what_pods_compared_adds_up(catalog).await;
    publishing_needs_every_segment(catalog).await;
    the_first_key_of_a_job_stays(catalog).await;
    uploads::run(catalog).await;
    twins::run(catalog).await;
    nonces_are_taken_once(catalog).await;
    revocation_begins_an_epoch(catalog).await;
    library::run(catalog).await;
    a_machines_key_is_kept_until_it_is_removed(catalog).await;
    alarms::run(catalog).await;
    schedules::run_all(catalog).await;
    changes::run(catalog).await;
}

async fn contents_are_kept_and_changed(catalog: &dyn Catalog) {
    let one = content("suite-content");
    catalog.create_content(&one).await.unwrap();
    assert!(matches!(
        catalog.create_content(&one).await,
        Err(CatalogError::Conflict { .. })
    ));
    assert_eq!(catalog.content(&one.id).await.unwrap(), one);
    let listed = catalog.page(&Page::newest(9)).await.unwrap();
    assert_eq!((listed.len(), &listed[0].entry.content), (1, &one));
    let before = catalog.entry(&one.id).await.unwrap();
    let mut renamed = before.clone();
    renamed.content.title = "Another".into();
    let epoch = catalog.epoch().await.unwrap();
    assert!(catalog.change_entry(&before, &renamed).await.unwrap());
    let stale = catalog.change_entry(&before, &renamed).await;
    assert!(!stale.unwrap(), "stale");
    assert_eq!(catalog.content(&one.id).await.unwrap(), renamed.content);
    let same = catalog.epoch().await.unwrap() == epoch;
    assert!(same, "nobody need be asked");
    withdraw(catalog, one.id.as_str()).await;
    let state = catalog.content(&one.id).await.unwrap().state;
    assert_eq!(state, ContentState::Withdrawn);
    assert!(catalog.epoch().await.unwrap() > epoch);
}

/// Takes a content down.
pub async fn withdraw(catalog: &dyn Catalog, id: &str) {
    let before = catalog.entry(&id.parse().unwrap()).await.unwrap();
    let mut after = before.clone();
    after.content.state = ContentState::Withdrawn;
    assert!(catalog.change_entry(&before, &after).await.unwrap());
}

async fn a_job_content_keeps_its_namespace(catalog: &dyn Catalog) {
    let made = content("made-by-a-job");
    for (namespace, new) in [("media", true), ("other", false)] {
        let outcome = catalog.create_content_of(&made, namespace).await;
        assert_eq!(outcome.unwrap(), new);
    }
    let namespace = catalog.namespace_of(&made.id).await.unwrap();
    assert_eq!(namespace.as_deref(), Some("media"));
    let uploaded = "suite-content".parse().unwrap();
    assert_eq!(catalog.namespace_of(&uploaded).await.unwrap(), None);
    assert!(
        !catalog
            .create_content_of(&content("suite-content"), "media")
            .await
            .unwrap()
    );
}

async fn a_job_has_one_output(catalog: &dyn Catalog) {
    catalog.create_content(&content("c")).await.unwrap();
    assert_eq!(
        catalog
            .playable_output(&"c".parse().unwrap())
            .await
            .unwrap(),
        None
    );
    let first = catalog
        .plan_output(&output("o1", "c", "job-1"))
        .await
        .unwrap();
    assert_eq!(first, output("o1", "c", "job-1"));
    for id in ["o1", "o2"] {
        let again = catalog.plan_output(&output(id, "c", "job-1")).await;
        assert_eq!(again.unwrap().id, first.id);
    }
    let playable = catalog.playable_output(&first.content).await.unwrap();
    assert_eq!(playable, Some(first.id));
}

async fn the_first_commit_wins(catalog: &dyn Catalog) {
    let o1 = "o1".parse().unwrap();
    let shas = ["a", "b", "c", "d"];
    let rivals = shas.map(|sha| segment("v720", Some(0), sha));
    let outcomes = futures::future::join_all(rivals.iter().map(|s| catalog.commit(&o1, s))).await;
    assert_eq!(
        outcomes
            .into_iter()
            .filter(|o| *o.as_ref().unwrap())
            .count(),
        1
    );
    let stored = catalog
        .segment(&o1, &rivals[0].track, Some(0))
        .await
        .unwrap()
        .unwrap();
    assert!(
        !catalog
            .commit(&o1, &segment("v720", Some(0), "e"))
            .await
            .unwrap()
    );
    assert_eq!(catalog.segments(&o1).await.unwrap(), [stored]);
}

async fn what_pods_took_adds_up(catalog: &dyn Catalog) {
    let o1 = "o1".parse().unwrap();
    let took = |cpu_milliseconds, pod_milliseconds, fetched_bytes| Usage {
        cpu_milliseconds,
        pod_milliseconds,
        fetched_bytes,
    };
    assert_eq!(catalog.usage(&o1).await.unwrap(), Usage::default());
    // A courier that was started again knows less of its pod.
    for (pod, usage) in [
        ("a", took(5, 9, 100)),
        ("b", took(1, 2, 3)),
        ("a", took(7, 4, 0)),
    ] {
        catalog.note_usage(&o1, pod, &usage).await.unwrap();
    }
    assert_eq!(catalog.usage(&o1).await.unwrap(), took(8, 11, 103));
    let unknown = "unknown".parse().unwrap();
    let outcome = catalog.note_usage(&unknown, "a", &took(1, 1, 1)).await;
    assert!(outcome.is_err(), "{outcome:?}");
}

async fn what_pods_compared_adds_up(catalog: &dyn Catalog) {
    let o1 = "o1".parse().unwrap();
    let seen = |track: &str, pictures: u64| TrackQuality {
        track: track.parse().unwrap(),
        nearness: Nearness {
            pictures,
            squared_error: pictures * 10,
            similarity: pictures * 100,
        },
    };
    assert_eq!(catalog.quality(&o1).await.unwrap(), []);
    // The second time the first pod knows less.
    for (pod, track, pictures) in [
        ("a", "v720", 5),
        ("b", "v720", 2),
        ("a", "v240", 1),
        ("a", "v720", 4),
    ] {
        let quality = seen(track, pictures);
        catalog.note_quality(&o1, pod, &quality).await.unwrap();
    }
    let all = [seen("v240", 1), seen("v720", 7)];
    assert_eq!(catalog.quality(&o1).await.unwrap(), all);
    let unknown = "unknown".parse().unwrap();
    let outcome = catalog.note_quality(&unknown, "a", &seen("v720", 1)).await;
    assert!(outcome.is_err(), "{outcome:?}");
}

async fn publishing_needs_every_segment(catalog: &dyn Catalog) {
    let o1 = "o1".parse().unwrap();
    let rest = [
        ("v720", None),
        ("v720", Some(1)),
        ("a-en-aac", None),
        ("a-en-aac", Some(0)),
    ];
    for (track, number) in rest {
        catalog
            .commit(&o1, &segment(track, number, "a"))
            .await
            .unwrap();
        assert!(matches!(
            catalog.publish(&o1).await,
            Err(CatalogError::Conflict { .. })
        ));
    }
    catalog
        .commit(&o1, &segment("a-en-aac", Some(1), "a"))
        .await
        .unwrap();
    catalog.publish(&o1).await.unwrap();
    catalog.publish(&o1).await.unwrap();
    assert!(catalog.output(&o1).await.unwrap().complete);
    let content = catalog.content(&"c".parse().unwrap()).await.unwrap();
    assert_eq!(
        (content.state, content.current_output),
        (ContentState::Published, Some(o1))
    );
}

async fn the_first_key_of_a_job_stays(catalog: &dyn Catalog) {
    let key = |n: u8| ContentKey {
        id: Hex16::new([n; 16]),
        key: Hex16::new([n + 1; 16]),
    };
    let kept = catalog.keep_key("keyed-job", &key(1)).await.unwrap();
    assert_eq!(kept, key(1));
    assert_eq!(
        catalog.keep_key("keyed-job", &key(3)).await.unwrap(),
        key(1)
    );
    let content = content("keyed");
    catalog.create_content(&content).await.unwrap();
    for (output, job, expected) in [
        ("keyed-o", "keyed-job", Some(key(1))),
        ("open-o", "open-job", None),
    ] {
        let output = self::output(output, "keyed", job);
        assert_eq!(catalog.key_of(&output.id).await.unwrap(), None);
        catalog.plan_output(&output).await.unwrap();
        assert_eq!(catalog.key_of(&output.id).await.unwrap(), expected);
    }
}

async fn nonces_are_taken_once(catalog: &dyn Catalog) {
    catalog.put_nonce("n1", 100, 200).await.unwrap();
    assert!(!catalog.take_nonce("n1", 200).await.unwrap());
    assert!(catalog.take_nonce("n1", 199).await.unwrap());
    assert!(!catalog.take_nonce("n1", 199).await.unwrap());
}

async fn revocation_begins_an_epoch(catalog: &dyn Catalog) {
    let epoch = catalog.epoch().await.unwrap();
    assert!(!catalog.session_revoked("s1").await.unwrap());
    catalog.revoke_session("s1").await.unwrap();
    assert!(catalog.session_revoked("s1").await.unwrap());
    assert!(catalog.epoch().await.unwrap() > epoch);
    let epoch = catalog.epoch().await.unwrap();
    catalog.begin_epoch().await.unwrap();
    assert!(catalog.epoch().await.unwrap() > epoch);
}

async fn a_machines_key_is_kept_until_it_is_removed(catalog: &dyn Catalog) {
    let key = |id: &str, created_at, expires_at| MachineKey {
        id: id.into(),
        name: "a 'key'".into(),
        wallet: "0xa".into(),
        scopes: "upload".into(),
        hash: "00:01".into(),
        created_at,
        expires_at,
    };
    let (old, new) = (key("k1", 1, None), key("k2", 2, Some(9)));
    for key in [&old, &new] {
        catalog.create_key(key).await.unwrap();
    }
    assert!(catalog.create_key(&old).await.is_err(), "the id is taken");
    assert_eq!(catalog.keys().await.unwrap(), [new, old.clone()]);
    assert_eq!(catalog.key("k1").await.unwrap(), Some(old));
    let before = catalog.epoch().await.unwrap();
    assert!(catalog.delete_key("k1").await.unwrap());
    assert!(!catalog.delete_key("k1").await.unwrap());
    assert_eq!(catalog.key("k1").await.unwrap(), None);
    assert!(catalog.epoch().await.unwrap() > before);
}
