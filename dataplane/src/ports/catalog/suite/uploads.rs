//! Uploads: parts in order, one writer at a time, pieces that are joined.

use streamgate_contract::UploadId;

use super::content;
use crate::ports::catalog::uploads::{ListedUpload, Place, Release};
use crate::ports::catalog::{Catalog, CatalogError, Upload, UploadKind, UploadPart};

pub async fn run(catalog: &dyn Catalog) {
    parts_append_in_order_only(catalog).await;
    parts_come_together_or_not_at_all(catalog).await;
    the_last_part_grows_by_replacement(catalog).await;
    completion_is_one_transaction(catalog).await;
    those_that_run_are_listed_newest_first(catalog).await;
    a_length_is_told_once(catalog).await;
    a_turn_is_one_writers(catalog).await;
    pieces_become_one_upload(catalog).await;
    what_somebody_has_is_counted(catalog).await;
    what_somebody_has_is_listed(catalog).await;
}

type Outcome = Result<(), CatalogError>;

/// Adds parts at (turn, number).
async fn add(
    catalog: &dyn Catalog,
    id: &UploadId,
    (turn, number): (u64, u32),
    parts: &[UploadPart],
) -> Outcome {
    let place = Place {
        turn,
        number,
        replaces: None,
    };
    catalog.add_parts(id, &place, parts).await
}

fn refused(outcome: &Outcome) -> bool {
    matches!(outcome, Err(CatalogError::Conflict { .. }))
}

async fn parts_append_in_order_only(catalog: &dyn Catalog) {
    let upload = upload("u1");
    catalog.create_upload(&upload).await.unwrap();
    let append = async |number, bytes| {
        let part = part(&format!("u1/{number}"), bytes);
        add(catalog, &upload.id, (0, number), &[part]).await
    };
    append(0, 6).await.unwrap();
    for (number, bytes) in [(0, 1), (2, 1), (1, 5)] {
        let outcome = append(number, bytes).await;
        assert!(refused(&outcome), "{number} {bytes}");
    }
    assert_eq!(catalog.upload(&upload.id).await.unwrap().offset(), 6);
    let early = catalog.complete_upload(&upload.id, &content("early")).await;
    assert!(refused(&early));
    append(1, 4).await.unwrap();
    let parts = catalog.upload(&upload.id).await.unwrap().parts;
    assert_eq!(parts, [part("u1/0", 6), part("u1/1", 4)]);
}

async fn parts_come_together_or_not_at_all(catalog: &dyn Catalog) {
    let upload = upload("together");
    catalog.create_upload(&upload).await.unwrap();
    let parts = [part("t/0", 4), part("t/1", 4), part("t/2", 4)];
    let too_many = add(catalog, &upload.id, (0, 0), &parts).await;
    assert!(refused(&too_many));
    assert_eq!(catalog.upload(&upload.id).await.unwrap().parts, []);
    add(catalog, &upload.id, (0, 0), &parts[..2]).await.unwrap();
    let mut place = Place {
        turn: 0,
        number: 1,
        replaces: Some("t/1".into()),
    };
    let longer = [part("t/1b", 5), part("t/2", 1)];
    catalog
        .add_parts(&upload.id, &place, &longer)
        .await
        .unwrap();
    place.replaces = Some("t/1b".into());
    let stale = catalog.add_parts(&upload.id, &place, &longer).await;
    assert!(refused(&stale));
    let stored = catalog.upload(&upload.id).await.unwrap().parts;
    assert_eq!(stored, [&parts[..1], &longer].concat());
}

async fn the_last_part_grows_by_replacement(catalog: &dyn Catalog) {
    let upload = upload("u3");
    catalog.create_upload(&upload).await.unwrap();
    let id = &upload.id;
    add(catalog, id, (0, 0), &[part("a", 2), part("b", 3)])
        .await
        .unwrap();
    let replace = async |key: &str, with: UploadPart| {
        let place = Place {
            turn: 0,
            number: 1,
            replaces: Some(key.to_owned()),
        };
        catalog.add_parts(id, &place, &[with]).await
    };
    let rivals = ["c", "d"].map(|key| part(key, 5));
    let outcomes = rivals.each_ref().map(|p| replace("b", p.clone()));
    let outcomes = futures::future::join_all(outcomes).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    let winner = &rivals[outcomes.iter().position(Result::is_ok).unwrap()];
    let wrong = [
        ("a", part("x", 4)),
        ("b", part("x", 4)),
        (&winner.key, part("x", 9)),
    ];
    for (key, part) in wrong {
        assert!(refused(&replace(key, part).await), "{key}");
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
    for (content, upload) in [("uploaded", Some(&u1)), ("nothing", None)] {
        let found = catalog.upload_of(&content.parse().unwrap()).await;
        assert_eq!(found.unwrap().as_ref(), upload, "{content}");
    }
    let outbox = catalog.outbox(10).await.unwrap();
    assert_eq!(outbox.len(), 1);
    assert_eq!(outbox[0].content.as_str(), "uploaded");
    assert!(catalog.delete_upload(&u1).await.is_err());
    let turn = catalog.take_turn(&u1, "late", None).await;
    assert!(matches!(turn, Err(CatalogError::Conflict { .. })));
    catalog.outbox_done(&u1).await.unwrap();
    assert!(catalog.outbox(10).await.unwrap().is_empty());
    let u2 = upload("u2");
    catalog.create_upload(&u2).await.unwrap();
    add(catalog, &u2.id, (0, 0), &[part("u2/0", 1)])
        .await
        .unwrap();
    catalog.delete_upload(&u2.id).await.unwrap();
    assert!(matches!(
        catalog.upload(&u2.id).await,
        Err(CatalogError::NotFound { .. })
    ));
}

async fn those_that_run_are_listed_newest_first(catalog: &dyn Catalog) {
    const LATER: i64 = 4_000_000_000;
    for (id, begun, length) in [
        ("run-1", LATER - 1, Some(10)),
        ("run-2", LATER, Some(10)),
        ("run-3", LATER + 1, Some(10)),
        ("run-4", LATER + 2, Some(1)),
        ("run-5", LATER + 3, None),
    ] {
        let upload = Upload {
            length,
            created_at: begun,
            ..upload(id)
        };
        catalog.create_upload(&upload).await.unwrap();
    }
    let whole: UploadId = "run-4".parse().unwrap();
    let parts = [part("run-4/0", 1)];
    add(catalog, &whole, (0, 0), &parts).await.unwrap();
    let done = content("run-4-done");
    catalog.complete_upload(&whole, &done).await.unwrap();
    catalog.outbox_done(&whole).await.unwrap();
    let listed = async |limit| {
        let ids = catalog.begun_uploads(LATER, limit).await.unwrap();
        ids.iter().map(UploadId::to_string).collect::<Vec<_>>()
    };
    assert_eq!(listed(9).await, ["run-3", "run-2"]);
    assert_eq!(listed(1).await, ["run-3"]);
}

async fn a_length_is_told_once(catalog: &dyn Catalog) {
    for (id, kind) in [
        ("open", UploadKind::Whole),
        ("open-piece", UploadKind::Piece),
    ] {
        let open = Upload {
            kind,
            length: None,
            ..upload(id)
        };
        catalog.create_upload(&open).await.unwrap();
        assert_eq!(catalog.upload(&open.id).await.unwrap(), open);
        add(catalog, &open.id, (0, 0), &[part(id, 6)])
            .await
            .unwrap();
        assert!(!catalog.upload(&open.id).await.unwrap().is_whole());
        for (length, good) in [(5, false), (6, true), (7, false), (6, false)] {
            let outcome = catalog.set_upload_length(&open.id, length).await;
            assert_eq!(
                (outcome.is_ok(), refused(&outcome)),
                (good, !good),
                "{length}"
            );
        }
        assert!(catalog.upload(&open.id).await.unwrap().is_whole());
        let more = add(catalog, &open.id, (0, 1), &[part("more", 1)]).await;
        assert!(refused(&more));
        catalog.delete_upload(&open.id).await.unwrap();
    }
}

async fn a_turn_is_one_writers(catalog: &dyn Catalog) {
    let upload = upload("turns");
    catalog.create_upload(&upload).await.unwrap();
    let id = &upload.id;
    let take = async |holder: &str, over| catalog.take_turn(id, holder, over).await.unwrap();
    assert_eq!(take("a", None).await, Some(1));
    assert_eq!(take("b", None).await, None);
    assert_eq!(take("a", None).await, Some(2), "one's own");
    let state = async || catalog.turn(id).await.unwrap().unwrap();
    assert_eq!(
        (state().await.holder.as_deref(), state().await.asked),
        (Some("a"), None)
    );
    catalog.ask_turn(id, 1, Release::Keep).await.unwrap();
    assert_eq!(state().await.asked, None, "of a turn that is over");
    catalog.ask_turn(id, 2, Release::Keep).await.unwrap();
    assert_eq!(state().await.asked, Some(Release::Keep));
    assert_eq!(take("b", Some(1)).await, None);
    assert_eq!(
        take("b", Some(2)).await,
        Some(3),
        "over the one that does not leave"
    );
    assert!(refused(&add(catalog, id, (2, 0), &[part("late", 1)]).await));
    add(catalog, id, (3, 0), &[part("good", 1)]).await.unwrap();
    catalog.leave_turn(id, 2).await.unwrap();
    assert_eq!(state().await.holder.as_deref(), Some("b"));
    catalog.leave_turn(id, 3).await.unwrap();
    let left = state().await;
    assert_eq!((left.number, left.holder, left.asked), (3, None, None));
    let rivals = ["c", "d", "e"].map(|holder| catalog.take_turn(id, holder, None));
    let taken = futures::future::join_all(rivals)
        .await
        .into_iter()
        .flatten();
    assert_eq!(taken.flatten().count(), 1);
    catalog.delete_upload(id).await.unwrap();
    assert_eq!(catalog.turn(id).await.unwrap(), None);
}

async fn pieces_become_one_upload(catalog: &dyn Catalog) {
    let pieces = ["p1", "p2"].map(|id| Upload {
        kind: UploadKind::Piece,
        length: Some(5),
        ..upload(id)
    });
    let ids = pieces.each_ref().map(|piece| piece.id.clone());
    let joined = Upload {
        kind: UploadKind::Joined(ids.to_vec()),
        length: None,
        ..upload("joined")
    };
    for upload in pieces.iter().chain([&joined]) {
        catalog.create_upload(upload).await.unwrap();
        assert_eq!(catalog.upload(&upload.id).await.unwrap(), *upload);
    }
    for id in &ids {
        let of = catalog.joined_from(id).await.unwrap();
        assert_eq!(of, std::slice::from_ref(&joined.id));
    }
    assert!(catalog.joined_from(&joined.id).await.unwrap().is_empty());
    let complete = async || {
        let content = content("of-pieces");
        catalog.complete_upload(&joined.id, &content).await
    };
    let [first, second] = &ids;
    add(catalog, first, (0, 0), &[part("p1/0", 2), part("p1/1", 3)])
        .await
        .unwrap();
    assert!(refused(&complete().await), "one is missing");
    let alone = catalog.complete_upload(first, &content("alone")).await;
    assert!(refused(&alone), "a piece is no content");
    add(catalog, second, (0, 0), &[part("p2/0", 5)])
        .await
        .unwrap();
    for _ in 0..2 {
        complete().await.unwrap();
    }
    let found = catalog.upload_of(&"of-pieces".parse().unwrap()).await;
    assert_eq!(found.unwrap().as_ref(), Some(&joined.id), "not a piece");
    let whole = catalog.upload(&joined.id).await.unwrap();
    assert_eq!(whole.length, Some(10));
    assert_eq!(
        whole.parts,
        [part("p1/0", 2), part("p1/1", 3), part("p2/0", 5)]
    );
    for id in ids.iter().chain([&joined.id]) {
        let content = catalog.upload(id).await.unwrap().content;
        assert_eq!(content.unwrap().as_str(), "of-pieces");
    }
    assert_eq!(catalog.outbox(10).await.unwrap().len(), 1);
    catalog.outbox_done(&joined.id).await.unwrap();
    let again = Upload {
        kind: UploadKind::Joined(vec![first.clone()]),
        ..upload("joined-again")
    };
    catalog.create_upload(&again).await.unwrap();
    let twice = catalog.complete_upload(&again.id, &content("twice")).await;
    assert!(refused(&twice), "a piece is part of one upload");
    catalog.delete_upload(&again.id).await.unwrap();
}

async fn what_somebody_has_is_counted(catalog: &dyn Catalog) {
    let owned = async || {
        let owned = catalog.owned_uploads("0xb").await.unwrap();
        (owned.unfinished, owned.bytes)
    };
    assert_eq!(owned().await, (0, 0));
    let shapes = [
        ("o1", UploadKind::Whole, Some(100)),
        ("o2", UploadKind::Whole, None),
        ("o3", UploadKind::Piece, Some(10)),
        (
            "o4",
            UploadKind::Joined(vec!["o3".parse().unwrap()]),
            Some(10),
        ),
    ];
    for (id, kind, length) in shapes {
        let upload = Upload {
            owner: "0xb".into(),
            kind,
            length,
            ..upload(id)
        };
        catalog.create_upload(&upload).await.unwrap();
    }
    assert_eq!(owned().await, (4, 110));
    let o2 = "o2".parse().unwrap();
    add(catalog, &o2, (0, 0), &[part("o2/0", 7)]).await.unwrap();
    assert_eq!(owned().await, (4, 117));
    catalog.set_upload_length(&o2, 7).await.unwrap();
    catalog
        .complete_upload(&o2, &content("of-o2"))
        .await
        .unwrap();
    assert_eq!(owned().await, (3, 117), "finished, and still stored");
    catalog.outbox_done(&o2).await.unwrap();
    for id in ["o1", "o3", "o4"] {
        catalog.delete_upload(&id.parse().unwrap()).await.unwrap();
    }
    assert_eq!(owned().await, (0, 7));
}

async fn what_somebody_has_is_listed(catalog: &dyn Catalog) {
    let begun = [("l1", 5), ("l2", 7), ("l3", 5), ("l4", 9), ("l5", 5)];
    for (id, created_at) in begun {
        let owner = if id == "l4" { "0xd" } else { "0xc" }.to_owned();
        let upload = Upload {
            owner,
            created_at,
            ..upload(id)
        };
        catalog.create_upload(&upload).await.unwrap();
    }
    let l3 = "l3".parse().unwrap();
    let parts = [part("l3/0", 4), part("l3/1", 6)];
    add(catalog, &l3, (0, 0), &parts).await.unwrap();
    catalog
        .complete_upload(&l3, &content("of-l3"))
        .await
        .unwrap();
    let page = async |behind, limit| {
        let page = catalog.uploads_of("0xc", behind, limit).await.unwrap();
        page.iter()
            .map(|upload| upload.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(page(None, 9).await, ["l2", "l5", "l3", "l1"]);
    assert_eq!(page(None, 2).await, ["l2", "l5"]);
    assert_eq!(page(Some((5, "l5")), 2).await, ["l3", "l1"]);
    assert_eq!(
        page(Some((5, "l4")), 9).await,
        ["l3", "l1"],
        "of what is gone"
    );
    assert_eq!(page(Some((4, "l9")), 9).await, Vec::<String>::new());
    let listed = catalog.uploads_of("0xc", Some((5, "l5")), 1).await.unwrap();
    let one = catalog.upload(&l3).await.unwrap();
    let expected = ListedUpload {
        offset: one.offset(),
        id: one.id,
        kind: one.kind,
        length: one.length,
        metadata: one.metadata,
        created_at: one.created_at,
        content: one.content,
    };
    assert_eq!(listed, [expected]);
    assert_eq!(listed[0].offset, 10);
    catalog.outbox_done(&l3).await.unwrap();
    for id in ["l1", "l2", "l4", "l5"] {
        catalog.delete_upload(&id.parse().unwrap()).await.unwrap();
    }
}

/// An upload of ten bytes.
pub fn upload(id: &str) -> Upload {
    Upload {
        id: id.parse().unwrap(),
        owner: "0xa".into(),
        kind: UploadKind::Whole,
        length: Some(10),
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
        crc32c: Some(u32::MAX - key.len() as u32),
    }
}
