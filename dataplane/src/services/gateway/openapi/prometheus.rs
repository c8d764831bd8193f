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
    /// success or error.
    status: String,
    /// What was asked for.
    #[schema(value_type = Option<Object>)]
    data: Option<String>,
    /// bad_data, execution or timeout.
    error_type: Option<String>,
    /// What was wrong, with line and column where it is in an expression.
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
    responses((status = 200, body = PrometheusAnswer)))]
fn query() {}

/// The same, with the parameters as a form.
#[utoipa::path(post, path = "/prometheus/api/v1/query", tag = "prometheus",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PrometheusAnswer)))]
fn query_form() {}

/// The values of an expression over a range.
#[utoipa::path(get, path = "/prometheus/api/v1/query_range", tag = "prometheus",
    params(
        ("query" = String, Query, max_length = 4096, description = "The expression"),
        ("start" = String, Query, description = "Seconds since 1970 or RFC 3339"),
        ("end" = String, Query, description = "Seconds since 1970 or RFC 3339"),
        ("step" = String, Query, description = "Seconds, or a duration such as 15s"),
    ),
    responses((status = 200, body = PrometheusAnswer)))]
fn query_range() {}

/// The same, with the parameters as a form.
#[utoipa::path(post, path = "/prometheus/api/v1/query_range", tag = "prometheus",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PrometheusAnswer)))]
fn query_range_form() {}

/// The labels of series.
#[utoipa::path(get, path = "/prometheus/api/v1/series", tag = "prometheus",
    params(
        ("match[]" = String, Query, description = "Selector; several are joined"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query),
        ("limit" = Option<u64>, Query),
    ),
    responses((status = 200, body = PrometheusAnswer)))]
fn series() {}

/// The same, with the parameters as a form.
#[utoipa::path(post, path = "/prometheus/api/v1/series", tag = "prometheus",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PrometheusAnswer)))]
fn series_form() {}

/// Names of labels.
#[utoipa::path(get, path = "/prometheus/api/v1/labels", tag = "prometheus",
    params(
        ("match[]" = Option<String>, Query, description = "Selector; several are joined"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query),
        ("limit" = Option<u64>, Query),
    ),
    responses((status = 200, body = PrometheusAnswer)))]
fn labels() {}

/// The same, with the parameters as a form.
#[utoipa::path(post, path = "/prometheus/api/v1/labels", tag = "prometheus",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = PrometheusAnswer)))]
fn labels_form() {}

/// Values of a label.
#[utoipa::path(get, path = "/prometheus/api/v1/label/{name}/values", tag = "prometheus",
    params(
        ("name" = String, Path, pattern = "^[a-zA-Z0-9_]+$"),
        ("match[]" = Option<String>, Query, description = "Selector; several are joined"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query),
        ("limit" = Option<u64>, Query),
    ),
    responses((status = 200, body = PrometheusAnswer)))]
fn values() {}

/// Every rule; an AlertPolicy is a group.
#[utoipa::path(get, path = "/prometheus/api/v1/rules", tag = "prometheus",
    params(
        ("type" = Option<String>, Query, pattern = "^(alert|record)$"),
        ("rule_name[]" = Option<String>, Query), ("rule_group[]" = Option<String>, Query),
        ("file[]" = Option<String>, Query, description = "namespace/name of an AlertPolicy"),
        ("exclude_alerts" = Option<bool>, Query),
    ),
    responses((status = 200, body = PrometheusAnswer)))]
fn rules() {}

/// Alerts that are pending or fire.
#[utoipa::path(get, path = "/prometheus/api/v1/alerts", tag = "prometheus",
    responses((status = 200, body = PrometheusAnswer)))]
fn alerts() {}

/// Kind and help of every family of metrics.
#[utoipa::path(get, path = "/prometheus/api/v1/metadata", tag = "prometheus",
    params(("metric" = Option<String>, Query), ("limit" = Option<u64>, Query)),
    responses((status = 200, body = PrometheusAnswer)))]
fn metadata() {}

/// Which program answers.
#[utoipa::path(get, path = "/prometheus/api/v1/status/buildinfo", tag = "prometheus",
    responses((status = 200, body = PrometheusAnswer)))]
fn build_info() {}
