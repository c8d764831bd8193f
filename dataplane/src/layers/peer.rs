//! Which role asks, on the internal listener: it shows a token that the cluster signed for us. Of
//! the gateway the caller's address is taken over; who the caller is, every role finds out itself.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use streamgate_contract::peers::ROLE_TOKEN;
use streamgate_contract::roles::Role;

use super::client_address::Peer;
use crate::error::{Kind, Problem, unavailable};
use crate::ports::jobs::TokenError;
use crate::ports::peers::Peers;

/// The header with the token.
const TOKEN: HeaderName = HeaderName::from_static(ROLE_TOKEN);

/// Who may ask.
#[derive(Clone)]
pub struct Door {
    peers: Arc<dyn Peers>,
    open_to: &'static [Role],
}

impl Door {
    /// Open to these roles.
    pub fn new(peers: Arc<dyn Peers>, open_to: &'static [Role]) -> Self {
        Self { peers, open_to }
    }
}

/// The layer: `axum::middleware::from_fn_with_state(door, admit)`.
pub async fn admit(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let role = match asking(&door, request.headers()).await {
        Ok(role) => role,
        Err(refusal) => return refusal.into_response(),
    };
    request.headers_mut().remove(TOKEN);
    if role == Role::Gateway {
        take_over_address(&mut request);
    }
    next.run(request).await
}

async fn asking(door: &Door, headers: &HeaderMap) -> Result<Role, Problem> {
    let token = headers.get(TOKEN).and_then(|token| token.to_str().ok());
    let token = token.ok_or_else(|| {
        let detail = "this listener is for the roles of the gate; ask the gateway";
        Problem::new(Kind::Unauthenticated, "RoleTokenRequired", detail)
    })?;
    let role = door
        .peers
        .role(token)
        .await
        .map_err(|error| refusal(&error))?;
    let open = door.open_to.contains(&role);
    open.then_some(role).ok_or_else(|| {
        let detail = format!("role {role} has no business here");
        Problem::new(Kind::Forbidden, "RoleNotAllowed", detail)
    })
}

fn refusal(error: &TokenError) -> Problem {
    match error {
        TokenError::Refused(_) => {
            Problem::new(Kind::Unauthenticated, "InvalidRoleToken", error.to_string())
        }
        TokenError::Unavailable(_) => {
            unavailable(error, "KeysUnavailable", "tokens cannot be checked now")
        }
    }
}

/// The gateway writes one address: that of the caller, as it found it out.
fn take_over_address(request: &mut Request) {
    let told = request.headers().get("x-forwarded-for");
    let told = told.and_then(|value| value.to_str().ok()?.parse::<IpAddr>().ok());
    if let (Some(client), Some(peer)) = (told, request.extensions_mut().get_mut::<Peer>()) {
        peer.client = client.to_canonical();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    struct ByName;

    #[async_trait]
    impl Peers for ByName {
        async fn role(&self, token: &str) -> Result<Role, TokenError> {
            match token {
                "away" => Err(TokenError::Unavailable("no keys".into())),
                name => name.parse().map_err(|_| TokenError::Refused("forged")),
            }
        }
    }

    async fn ask(token: Option<&str>) -> (u16, String) {
        let door = Door::new(Arc::new(ByName), &[Role::Gateway, Role::Streaming]);
        let told = |request: Request| async move {
            assert!(!request.headers().contains_key(TOKEN), "the token went on");
            request
                .extensions()
                .get::<Peer>()
                .unwrap()
                .client
                .to_string()
        };
        let app = Router::new().route("/", get(told));
        let app = app.layer(from_fn_with_state(door, admit));
        let mut request = Request::get("/").header("x-forwarded-for", "203.0.113.7");
        if let Some(token) = token {
            request = request.header(TOKEN, token);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let peer = Peer::new("10.0.0.9:1".parse().unwrap());
        request.extensions_mut().insert(peer);
        let response = app.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn only_roles_it_is_open_to_come_in_and_only_the_gateway_speaks_for_others() {
        assert_eq!(ask(Some("gateway")).await, (200, "203.0.113.7".into()));
        assert_eq!(ask(Some("streaming")).await, (200, "10.0.0.9".into()));
        for (token, status, reason) in [
            (None, 401, "RoleTokenRequired"),
            (Some("forged"), 401, "InvalidRoleToken"),
            (Some("upload"), 403, "RoleNotAllowed"),
            (Some("away"), 503, "KeysUnavailable"),
        ] {
            let (code, body) = ask(token).await;
            assert_eq!(code, status, "{body}");
            assert!(body.contains(reason), "{body}");
        }
    }
}
