//! The list of one's uploads, as a service and over HTTP.

use axum::body::{Body as HttpBody, to_bytes};
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::layers::authenticate::authenticate;
use crate::ports::identity::{Identities, IdentityError};
use crate::services::upload::http::routes;

/// Whoever says a number is the creator of that number.
struct Numbers;

#[async_trait::async_trait]
impl Identities for Numbers {
    async fn identify(&self, token: &str) -> Result<Principal, IdentityError> {
        let number = token.parse().map_err(|_| IdentityError::Refused)?;
        Ok(creator(number))
    }
}

impl World {
    async fn begun(&self, who: u8, title: &str) -> UploadId {
        let asked = Creation {
            kind: UploadKind::Whole,
            length: Some(600),
            metadata: Metadata {
                title: Some(title.to_owned()),
                ..Metadata::default()
            },
        };
        let begun = self.service.create(creator(who), asked).await.unwrap();
        self.clock.advance(1);
        begun.upload.id
    }

    async fn page(&self, who: u8, query: &str) -> (u16, Value) {
        let identities: Arc<dyn Identities> = Arc::new(Numbers);
        let layer = from_fn_with_state(identities, authenticate);
        let app = routes(self.service.clone()).layer(layer);
        let request = Request::get(format!("/api/v1/uploads{query}"))
            .header("authorization", format!("Bearer {who}"));
        let answer = app.oneshot(request.body(HttpBody::empty()).unwrap()).await;
        let answer = answer.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }
}

fn ids(page: &Value) -> Vec<&str> {
    let uploads = page["uploads"].as_array().unwrap();
    uploads.iter().map(|u| u["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn somebody_sees_their_own_uploads_page_by_page() {
    let world = world().await;
    let mut mine = Vec::new();
    for n in 0..5 {
        mine.push(world.begun(1, &format!("Film {n}")).await);
        world.begun(2, "Another's").await;
    }
    mine.reverse();
    let finished = body(0, frames(&noise(600, 1)));
    let id = mine[1].clone();
    let sent = world.service.append(creator(1), id, finished).await;
    let content = sent.unwrap().upload.content.unwrap();

    let (status, first) = world.page(1, "?limit=2").await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(ids(&first), [mine[0].as_str(), mine[1].as_str()]);
    let (open, done) = (&first["uploads"][0], &first["uploads"][1]);
    assert_eq!(
        (&open["title"], &open["offset"]),
        (&json!("Film 4"), &json!(0))
    );
    assert_eq!(open["expiresAt"], "2023-11-14T23:13:28Z");
    assert_eq!(
        (&done["complete"], &done["offset"]),
        (&json!(true), &json!(600))
    );
    assert_eq!(
        (&done["content"], &done["expiresAt"]),
        (&json!(content), &Value::Null)
    );

    let cursor = first["next"].as_str().unwrap();
    let (_, second) = world.page(1, &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!(ids(&second), [mine[2].as_str(), mine[3].as_str()]);
    let cursor = second["next"].as_str().unwrap();
    let (_, third) = world.page(1, &format!("?cursor={cursor}")).await;
    assert_eq!(
        (ids(&third), &third["next"]),
        (vec![mine[4].as_str()], &Value::Null)
    );

    // Nobody takes a place from another's list, or makes one up.
    for (who, cursor) in [(2, cursor), (1, "AAAA"), (1, &cursor[1..])] {
        let (status, said) = world.page(who, &format!("?cursor={cursor}")).await;
        assert_eq!((status, &said["reason"]), (400, &json!("InvalidCursor")));
    }
    for query in ["?limit=0", "?limit=101", "?owner=0x00", "?limit=x"] {
        let (status, said) = world.page(1, query).await;
        assert_eq!(
            (status, &said["reason"]),
            (400, &json!("InvalidQuery")),
            "{query}"
        );
    }
    let (_, nobodys) = world.page(3, "").await;
    assert_eq!((ids(&nobodys), &nobodys["next"]), (vec![], &Value::Null));
}

#[tokio::test]
async fn what_has_expired_is_in_no_list() {
    let world = world().await;
    let old = world.begun(1, "Old").await;
    world.clock.advance(LIFE_SECONDS - 2);
    let new = world.begun(1, "New").await;
    let (_, page) = world.page(1, "").await;
    assert_eq!(ids(&page), [new.as_str()], "{old} has expired");
}
