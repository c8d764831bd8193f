//! Keys: for those who may watch, in both forms, kept by nobody on the way.

use reqwest::Method;
use streamgate_contract::encryption::{ContentKey, Hex16};

use super::fixture::Stage;
use crate::ports::catalog::Outputs;
use crate::services::auth::fixture::{World, owner};

#[tokio::test]
async fn a_key_is_for_those_who_may_watch_what_it_opens() {
    let stage = Stage::new(World::generous().await).await;
    stage.published("c", None).await;
    stage.published("open", None).await;
    let key = ContentKey {
        id: Hex16::new([1; 16]),
        key: Hex16::new([2; 16]),
    };
    stage.world.catalog.keep_key("job-c", &key).await.unwrap();
    let handle = stage.world.handle(&owner(), "c").await;
    let other = stage.world.handle(&owner(), "open").await;
    for (method, file) in [
        (Method::GET, "key"),
        (Method::GET, "keys"),
        (Method::POST, "keys"),
    ] {
        let ask = async |handle: &str| {
            let request = stage.request(method.clone(), &format!("{handle}/{file}"));
            request.send().await.unwrap()
        };
        assert_eq!(ask("forged").await.status(), 401, "{method} {file}");
        assert_eq!(ask(&other).await.status(), 404, "{method} {file}");
        let answer = ask(&handle).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(!answer.headers().contains_key("etag"));
        match file {
            "key" => assert_eq!(answer.bytes().await.unwrap()[..], [2; 16]),
            _ => {
                let license: serde_json::Value = answer.json().await.unwrap();
                let jwk = &license["keys"][0];
                assert_eq!(jwk["kid"], "AQEBAQEBAQEBAQEBAQEBAQ");
                assert_eq!(jwk["k"], "AgICAgICAgICAgICAgICAg");
                assert_eq!(jwk["kty"], "oct");
            }
        }
    }
    let page = stage.request(Method::POST, &format!("{handle}/master.m3u8"));
    assert_eq!(page.send().await.unwrap().status(), 405);
}
