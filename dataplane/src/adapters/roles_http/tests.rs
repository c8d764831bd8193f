//! Over real connections on loopback.

use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::Full;
use tokio::net::TcpListener;

use super::*;

fn body(text: &'static str) -> Body {
    let full = Full::new(Bytes::from_static(text.as_bytes()));
    full.map_err(|never| match never {}).boxed_unsync()
}

fn request(path: &str, text: &'static str) -> http::Request<Body> {
    let request = http::Request::post(path).header(header::HOST, "watch.example");
    request.body(body(text)).unwrap()
}

/// Shows what arrives.
async fn echo(request: Request) -> String {
    let (parts, body) = request.into_parts();
    let token = parts.headers[ROLE_TOKEN].to_str().unwrap().to_owned();
    let host = parts.headers[header::HOST].to_str().unwrap().to_owned();
    let sent = axum::body::to_bytes(body, 99).await.unwrap();
    let sent = String::from_utf8(sent.to_vec()).unwrap();
    format!("{} {token} {} {sent}", parts.uri, host.split(':').count())
}

async fn serve(listener: TcpListener) {
    let app = Router::new().fallback(any(echo));
    axum::serve(listener, app).await.unwrap();
}

fn roles(address: std::net::SocketAddr) -> (HttpRoles, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("auth"), "for-auth\n").unwrap();
    let peers = BTreeMap::from([
        (Role::Auth, format!("http://{address}")),
        (Role::Upload, format!("http://{address}")),
    ]);
    let roles = HttpRoles::new(&peers, folder.path().to_owned()).unwrap();
    (roles, folder)
}

#[tokio::test]
async fn a_role_gets_path_body_and_the_token_that_is_meant_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (roles, _folder) = roles(listener.local_addr().unwrap());
    tokio::spawn(serve(listener));
    let answer = roles.send(Role::Auth, request("/a/b?c=d", "hello")).await;
    let answer = answer.unwrap().into_body().collect().await.unwrap();
    assert_eq!(answer.to_bytes(), "/a/b?c=d for-auth 2 hello");
    for (role, why) in [(Role::Upload, "token"), (Role::Cache, "address")] {
        let error = roles.send(role, request("/", "")).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Unreachable { .. }));
        let causes = crate::ports::causes(&error);
        assert!(causes.contains(why), "{causes}");
    }
}

#[tokio::test]
async fn a_role_that_comes_up_late_is_reached_and_one_that_does_not_is_told_apart() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let (roles, _folder) = roles(address);
    let late = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(120)).await;
        serve(TcpListener::bind(address).await.unwrap()).await;
    });
    let answer = roles.send(Role::Auth, request("/", "with a body")).await;
    assert_eq!(answer.unwrap().status(), 200);
    late.abort();
    let _ = late.await;

    // A connection that ends without an answer: what was asked may have been done.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peers = BTreeMap::from([(
        Role::Auth,
        format!("http://{}", listener.local_addr().unwrap()),
    )]);
    let broken = HttpRoles::new(&peers, _folder.path().to_owned()).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 64];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await;
        }
    });
    let error = broken.send(Role::Auth, request("/", "")).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Broken { .. }), "{error}");
}
