//! Operations of Prometheus' API on the monitor.
#![allow(dead_code, reason = "shapes of what its handlers take and give")]

use utoipa::{OpenApi, ToSchema};

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(
    query,
    query_form,
    query_range,
    query_range_form,
    series,
    series_form,
    labels,
    labels_form,
    values,
    rules,
    alerts,
    metadata,
    build_info
))]
pub struct Docs;

/// Prometheus' envelope.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct PrometheusAnswer {
    /// success.
    status: String,
    /// What was asked for.
    #[schema(value_type = Value)]
    data: String,
}

/// A refusal: a problem of RFC 9457 that is an error of Prometheus, too.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct PrometheusRefusal {
    /// Kind of problem.
    #[schema(format = "uri-reference")]
    r#type: String,
    /// Name of the status code.
    title: String,
    /// `error`, which Prometheus' clients look for, when the question is wrong; the status code when the
    /// caller may not ask.
    #[schema(value_type = Value)]
    status: String,
    /// Stable name of the reason.
    reason: String,
    /// What was wrong, with line and column where it is in an expression.
    detail: String,
    /// bad_data, execution or timeout.
    error_type: Option<String>,
    /// The detail again.
    error: Option<String>,
}

/// The value of an expression at one moment, in Prometheus' form. For admins, as everything of the
/// monitor. The expressions are those of the rules of AlertPolicies.
#[utoipa::path(get, path = "/prometheus/api/v1/query", tag = "prometheus",
    params(
        ("query" = String, Query, max_length = 4096, description = "The expression"),
        ("time" = Option<String>, Query,
            description = "Seconds since 1970 or RFC 3339; now when absent"),
    ),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn query() {}

/// The same, with the parameters as a form.
#[utoipa::path(post, path = "/prometheus/api/v1/query", tag = "prometheus",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn query_form() {}

/// The values of an expression over a range.
#[utoipa::path(get, path = "/prometheus/api/v1/query_range", tag = "prometheus",
    params(
        ("query" = String, Query, max_length = 4096, description = "The expression"),
        ("start" = String, Query, description = "Seconds since 1970 or RFC 3339"),
        ("end" = String, Query, description = "Seconds since 1970 or RFC 3339"),
        ("step" = String, Query, description = "Seconds, or a duration such as 15s"),
    ),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn query_range() {}

/// The same, with the parameters as a form.
#[utoipa::path(post, path = "/prometheus/api/v1/query_range", tag = "prometheus",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn query_range_form() {}

/// The labels of series.
#[utoipa::path(get, path = "/prometheus/api/v1/series", tag = "prometheus",
    params(
        ("match[]" = String, Query, description = "Selector; several are joined"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 0),
    ),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn series() {}

/// The same, with the parameters as a form.
#[utoipa::path(post, path = "/prometheus/api/v1/series", tag = "prometheus",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn series_form() {}

/// Names of labels.
#[utoipa::path(get, path = "/prometheus/api/v1/labels", tag = "prometheus",
    params(
        ("match[]" = Option<String>, Query, description = "Selector; several are joined"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 0),
    ),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn labels() {}

/// The same, with the parameters as a form.
#[utoipa::path(post, path = "/prometheus/api/v1/labels", tag = "prometheus",
    request_body(content = Option<String>, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn labels_form() {}

/// Values of a label.
#[utoipa::path(get, path = "/prometheus/api/v1/label/{name}/values", tag = "prometheus",
    params(
        ("name" = String, Path, pattern = "^[a-zA-Z0-9_]+$"),
        ("match[]" = Option<String>, Query, description = "Selector; several are joined"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 0),
    ),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn values() {}

/// Every rule; an AlertPolicy is a group.
#[utoipa::path(get, path = "/prometheus/api/v1/rules", tag = "prometheus",
    params(
        ("type" = Option<String>, Query, pattern = "^(|alert|record)$"),
        ("rule_name[]" = Option<String>, Query), ("rule_group[]" = Option<String>, Query),
        ("file[]" = Option<String>, Query, description = "namespace/name of an AlertPolicy"),
        ("exclude_alerts" = Option<bool>, Query),
    ),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn rules() {}

/// Alerts that are pending or fire.
#[utoipa::path(get, path = "/prometheus/api/v1/alerts", tag = "prometheus",
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn alerts() {}

/// Kind and help of every family of metrics.
#[utoipa::path(get, path = "/prometheus/api/v1/metadata", tag = "prometheus",
    params(("metric" = Option<String>, Query), ("limit" = Option<i64>, Query, minimum = 0)),
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn metadata() {}

/// Which program answers.
#[utoipa::path(get, path = "/prometheus/api/v1/status/buildinfo", tag = "prometheus",
    responses((status = 200, body = PrometheusAnswer),
        (status = "default", body = PrometheusRefusal, content_type = "application/problem+json",
            description = "It is refused")))]
fn build_info() {}
