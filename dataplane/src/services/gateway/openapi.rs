//! The description of the API in OpenAPI 3.1, from the code of its routes: what `utoipa` reads off
//! the handlers, and what holds for all of them.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, Paths, Ref, RefOr, Response,
    ResponseBuilder, SecurityRequirement,
};
use utoipa::{OpenApi as _, ToSchema};

use crate::services;

mod auth;
mod cache;
mod prometheus;
mod sign_in;
mod streaming;
mod uploads;

/// Name of the way to sign in.
const SESSION: &str = "session";

/// A refusal (RFC 9457).
#[derive(ToSchema)]
#[allow(dead_code, reason = "its shape is what counts")]
struct Problem {
    /// Kind of problem.
    #[schema(format = "uri-reference")]
    r#type: String,
    /// Name of the status code.
    title: String,
    /// Status code.
    status: u16,
    /// Stable name of the reason.
    reason: String,
    /// What was wrong and what to do.
    detail: String,
}

/// Shapes that every operation shares.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Shared;

/// The description.
pub fn description() -> OpenApi {
    let mut api = Shared::openapi();
    for part in [
        services::gateway::http::Docs::openapi(),
        services::metadata::http::Docs::openapi(),
        services::monitor::http::Docs::openapi(),
        prometheus::Docs::openapi(),
        sign_in::Docs::openapi(),
        auth::Docs::openapi(),
        cache::Docs::openapi(),
        streaming::Docs::openapi(),
        uploads::Docs::openapi(),
        services::worker::http::Docs::openapi(),
        services::worker::http::ScheduleDocs::openapi(),
    ] {
        api.merge(part);
    }
    api.info = InfoBuilder::new()
        .title("StreamGate")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The API of one gate. Every refusal is a problem of RFC 9457.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").build()))
        .build();
    secure(&mut api);
    for_each(&mut api.paths, refusable);
    api
}

/// The description as text: the same for the same code.
pub fn text() -> String {
    // Plain values, which always have a text.
    description().to_pretty_json().unwrap_or_default() + "\n"
}

/// A session opens what needs one; everything may be asked without.
fn secure(api: &mut OpenApi) {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = api.components.get_or_insert_default();
    components.add_security_scheme(SESSION, SecurityScheme::Http(bearer));
    let session = SecurityRequirement::new::<_, [&str; 0], &str>(SESSION, []);
    api.security = Some(vec![SecurityRequirement::default(), session]);
}

/// Every operation may be refused, and has a name that no other role's has.
fn refusable(operation: &mut Operation) {
    let role = operation.tags.iter().flatten().next();
    let name = role.zip(operation.operation_id.as_ref());
    operation.operation_id = name.map(|(role, name)| format!("{role}_{name}"));
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    let refusal: RefOr<Response> = ResponseBuilder::new()
        .description("It is refused")
        .content("application/problem+json", content.build())
        .build()
        .into();
    let responses = &mut operation.responses.responses;
    responses.entry("default".into()).or_insert(refusal);
}

fn for_each(paths: &mut Paths, change: impl Fn(&mut Operation)) {
    for item in paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.options,
            &mut item.head,
            &mut item.patch,
        ];
        operations.into_iter().flatten().for_each(&change);
    }
}
