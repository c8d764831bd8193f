//! What every catalog must do. An adapter's test hands in an empty catalog.

use streamgate_contract::encryption::{ContentKey, Hex16};
use streamgate_contract::job_files::Usage;
use streamgate_contract::plan::Plan;

use super::library::Page;
use super::{Catalog, CatalogError, Content, ContentState, Output, Segment, Upload, UploadPart};

mod library;

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
    publishing_needs_every_segment(catalog).await;
    the_first_key_of_a_job_stays(catalog).await;
    parts_append_in_order_only(catalog).await;
    the_last_part_grows_by_replacement(catalog).await;
    completion_is_one_transaction(catalog).await;
    nonces_are_taken_once(catalog).await;
    revocation_begins_an_epoch(catalog).await;
    library::run(catalog).await;
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

async fn parts_append_in_order_only(catalog: &dyn Catalog) {
    let upload = upload("u1");
    catalog.create_upload(&upload).await.unwrap();
    let append = async |number, bytes| {
        let part = part(&format!("u1/{number}"), bytes);
        catalog.append_part(&upload.id, number, &part).await
    };
    append(0, 6).await.unwrap();
    for (number, bytes) in [(0, 1), (2, 1), (1, 5)] {
        let outcome = append(number, bytes).await;
        assert!(
            matches!(outcome, Err(CatalogError::Conflict { .. })),
            "{number} {bytes}"
        );
    }
    assert_eq!(catalog.upload(&upload.id).await.unwrap().offset(), 6);
    let early = catalog.complete_upload(&upload.id, &content("early")).await;
    assert!(matches!(early, Err(CatalogError::Conflict { .. })));
    append(1, 4).await.unwrap();
    let parts = catalog.upload(&upload.id).await.unwrap().parts;
    assert_eq!(parts, [part("u1/0", 6), part("u1/1", 4)]);
}

async fn the_last_part_grows_by_replacement(catalog: &dyn Catalog) {
    let upload = upload("u3");
    catalog.create_upload(&upload).await.unwrap();
    let id = &upload.id;
    catalog.append_part(id, 0, &part("a", 2)).await.unwrap();
    catalog.append_part(id, 1, &part("b", 3)).await.unwrap();
    let rivals = ["c", "d"].map(|key| part(key, 5));
    let outcomes = rivals
        .each_ref()
        .map(|p| catalog.replace_last_part(id, "b", p));
    let outcomes = futures::future::join_all(outcomes).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    let winner = &rivals[outcomes.iter().position(Result::is_ok).unwrap()];
    let refused = [
        ("a", part("x", 4)),
        ("b", part("x", 4)),
        (&winner.key, part("x", 9)),
    ];
    for (key, part) in refused {
        let outcome = catalog.replace_last_part(id, key, &part).await;
        assert!(
            matches!(outcome, Err(CatalogError::Conflict { .. })),
            "{key}"
        );
    }
    let parts = catalog.upload(id).await.unwrap().parts;
    assert_eq!(parts, [part("a", 2), winner.clone()]);
    let unfinished = catalog.unfinished_uploads().await.unwrap();
    assert!(unfinished.contains(id));
    catalog.delete_upload(id).await.unwrap();
    assert!(!catalog.unfinished_uploads().await.unwrap().contains(id));
}

async fn completion_is_one_transaction(catalog: &dyn Catalog) {
    let u1 = "u1".parse().unwrap();
    for _ in 0..2 {
        catalog
            .complete_upload(&u1, &content("uploaded"))
            .await
            .unwrap();
    }
    assert!(!catalog.unfinished_uploads().await.unwrap().contains(&u1));
    let outbox = catalog.outbox(10).await.unwrap();
    assert_eq!(outbox.len(), 1);
    assert_eq!(outbox[0].content.as_str(), "uploaded");
    assert!(catalog.delete_upload(&u1).await.is_err());
    catalog.outbox_done(&u1).await.unwrap();
    assert!(catalog.outbox(10).await.unwrap().is_empty());
    let u2 = upload("u2");
    catalog.create_upload(&u2).await.unwrap();
    catalog
        .append_part(&u2.id, 0, &part("u2/0", 1))
        .await
        .unwrap();
    catalog.delete_upload(&u2.id).await.unwrap();
    assert!(matches!(
        catalog.upload(&u2.id).await,
        Err(CatalogError::NotFound { .. })
    ));
}

/// An upload of ten bytes.
pub fn upload(id: &str) -> Upload {
    Upload {
        id: id.parse().unwrap(),
        owner: "0xa".into(),
        length: 10,
        metadata: "{}".into(),
        created_at: 1_700_000_000,
        parts: vec![],
        content: None,
    }
}

/// A part.
pub fn part(key: &str, bytes: u64) -> UploadPart {
    UploadPart {
        key: key.into(),
        bytes,
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
