//! Prometheus' API on the monitor, asked over real HTTP as Grafana asks it.

use reqwest::Method;
use serde_json::{Value, json};

use super::api::Served;

/// The story begins at 1,000 and has four samples, the last at 1,060.
async fn served() -> Served {
    let served = Served::begin().await;
    for depth in [9, 9, 9, 7] {
        served.story.pass(depth, 15).await;
    }
    served
}

impl Served {
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let url = format!("{}/prometheus/api/v1/{path}", self.url);
        let request = reqwest::Client::new().post(url).bearer_auth(&self.admin);
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(body.finish()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    /// The data of a good answer.
    async fn data(&self, path: &str) -> Value {
        let body = self.get(&format!("/prometheus/api/v1/{path}")).await;
        assert_eq!(body["status"], "success", "{body}");
        body["data"].clone()
    }
}

#[tokio::test]
async fn the_prometheus_api_is_for_admins() {
    let served = Served::begin().await;
    for path in [
        "query?query=up",
        "query_range?query=up&start=1&end=2&step=1",
        "series?match[]=up",
        "labels",
        "label/job/values",
        "rules",
        "alerts",
        "metadata",
        "status/buildinfo",
    ] {
        let path = format!("/prometheus/api/v1/{path}");
        let (status, _) = served.ask(Method::GET, &path, None, None).await;
        assert_eq!(status, 401, "{path}");
        served.get(&path).await;
    }
}

#[tokio::test]
async fn a_refusal_is_a_problem_and_an_error_of_prometheus() {
    let served = Served::begin().await;
    for path in ["query", "rules?exclude_alerts=perhaps", "labels?limit=-1"] {
        let url = format!("{}/prometheus/api/v1/{path}", served.url);
        let request = reqwest::Client::new().get(url).bearer_auth(&served.admin);
        let answer = request.send().await.unwrap();
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            (answer.status().as_u16(), kind.as_str()),
            (400, "application/problem+json")
        );
        let body: Value = answer.json().await.unwrap();
        assert_eq!(
            (&body["status"], &body["errorType"]),
            (&json!("error"), &json!("bad_data"))
        );
        assert_eq!(
            (&body["detail"], &body["reason"]),
            (&body["error"], &json!("InvalidQuery"))
        );
    }
}

#[tokio::test]
async fn a_query_has_the_value_at_its_time_by_get_and_by_form() {
    let served = served().await;
    let (status, health) = served
        .post("query", &[("query", "1+1"), ("time", "1060")])
        .await;
    assert_eq!(status, 200);
    let scalar = json!({"resultType": "scalar", "result": [1060, "2"]});
    assert_eq!(health, json!({"status": "success", "data": scalar}));
    let metric = json!({"__name__": "depth", "instance": "a:9090", "job": "all", "pod": "a"});
    for (time, value) in [
        ("1060", "7"),
        ("1045.5", "9"),
        ("1970-01-01T00:17:40Z", "7"),
    ] {
        let data = served.data(&format!("query?query=depth&time={time}")).await;
        assert_eq!(data["resultType"], "vector");
        assert_eq!(data["result"][0]["metric"], metric);
        assert_eq!(data["result"][0]["value"][1], value, "{time}");
    }
    let data = served.data("query?query=depth&time=1045.5").await;
    assert_eq!(data["result"][0]["value"][0], 1045.5);
    let data = served.data("query?query=depth%20%3E%208").await;
    assert_eq!(data, json!({"resultType": "vector", "result": []}));
}

#[tokio::test]
async fn a_range_has_a_value_at_every_step_from_start_to_end() {
    let served = served().await;
    let form = [
        ("query", "sum by (pod) (depth)"),
        ("start", "1030"),
        ("end", "1061"),
        ("step", "15s"),
    ];
    let (status, body) = served.post("query_range", &form).await;
    let values = json!([[1030, "9"], [1045, "9"], [1060, "7"]]);
    let result = json!([{"metric": {"pod": "a"}, "values": values}]);
    let data = json!({"resultType": "matrix", "result": result});
    assert_eq!((status, &body["data"]), (200, &data), "{body}");
    let before = served
        .data("query_range?query=depth&start=1&end=900&step=100")
        .await;
    assert_eq!(before["result"], json!([]));
}

#[tokio::test]
async fn what_is_not_answered_is_refused_as_prometheus_refuses_it() {
    let served = served().await;
    let range =
        |step: &str, end: &str| format!("query_range?query=up&start=0&end={end}&step={step}");
    for (path, status, kind, told) in [
        (
            "query?query=".into(),
            400,
            "bad_data",
            "invalid parameter \"query\"",
        ),
        (
            "query?query=irate(up[5m])".into(),
            400,
            "bad_data",
            "1:1: parse error: function irate",
        ),
        (
            "query?query=up%0A%2B+count(up)".into(),
            400,
            "bad_data",
            "2:3: parse error",
        ),
        (
            "query?query=up%20%2B".into(),
            400,
            "bad_data",
            "parse error",
        ),
        (
            "query?query=up&time=soon".into(),
            400,
            "bad_data",
            "invalid parameter \"time\"",
        ),
        (
            "query?query=depth+%2B+{__name__=~\"depth|up\"}".into(),
            422,
            "execution",
            "several series match",
        ),
        (range("0", "10"), 400, "bad_data", "zero or negative"),
        (
            range("1", "11001"),
            400,
            "bad_data",
            "more than 11000 points",
        ),
        (
            "query_range?query=up&start=9&end=1&step=1".into(),
            400,
            "bad_data",
            "\"end\"",
        ),
        ("series".into(), 400, "bad_data", "no match[] parameter"),
        ("series?match[]=up%2B1".into(), 400, "bad_data", "match[]"),
        ("label/a-b/values".into(), 400, "bad_data", "names no label"),
        (
            "rules?type=other".into(),
            400,
            "bad_data",
            "alert or record",
        ),
        ("labels?limit=x".into(), 400, "bad_data", "\"limit\""),
    ] {
        let path: String = path;
        let path = format!("/prometheus/api/v1/{path}");
        let asked = served.ask(Method::GET, &path, None, Some(&served.admin));
        let (code, body) = asked.await;
        assert_eq!(
            (code, &body["status"]),
            (status, &"error".into()),
            "{path}: {body}"
        );
        assert_eq!(body["errorType"], kind, "{path}");
        assert!(
            body["error"].as_str().unwrap().contains(told),
            "{path}: {body}"
        );
    }
    // As many moments as there may be, exactly.
    served.data(&range("1", "10999")).await;
}

#[tokio::test]
async fn series_and_labels_are_those_of_the_samples_in_time() {
    let served = served().await;
    let up = json!([{"__name__": "up", "instance": "a:9090", "job": "all", "pod": "a"}]);
    assert_eq!(served.data("series?match[]=up").await, up);
    let (_, body) = served
        .post("series", &[("match[]", "up"), ("match[]", "depth")])
        .await;
    assert_eq!(body["data"].as_array().unwrap().len(), 2);
    assert_eq!(served.data("series?match[]=up&end=900").await, json!([]));
    let names = json!(["__name__", "instance", "job", "pod"]);
    assert_eq!(served.data("labels").await, names);
    assert_eq!(
        served.data("labels?limit=2").await,
        json!(["__name__", "instance"])
    );
    let metrics = json!(["depth", "up"]);
    assert_eq!(served.data("label/__name__/values").await, metrics);
    let one = json!(["depth"]);
    assert_eq!(
        served.data("label/__name__/values?match[]=depth").await,
        one
    );
    assert_eq!(served.data("label/nothing/values").await, json!([]));
    let about = json!({"depth": [{"type": "gauge", "help": "How deep.", "unit": ""}]});
    assert_eq!(served.data("metadata").await, about);
    assert_eq!(served.data("metadata?metric=up").await, json!({}));
    let info = served.data("status/buildinfo").await;
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn rules_and_alerts_are_shown_as_prometheus_shows_them() {
    let served = served().await;
    let alerts = served.data("alerts").await;
    let alert = json!({
        "labels": {"alertname": "Deep", "instance": "a:9090", "job": "all", "pod": "a",
            "severity": "warning"},
        "annotations": {}, "state": "firing", "activeAt": "1970-01-01T00:17:25.000Z",
        "value": "7e+00",
    });
    assert_eq!(alerts, json!({"alerts": [alert]}));
    let rules = served.data("rules?type=alert").await;
    let group = &rules["groups"][0];
    assert_eq!(
        (&group["name"], &group["file"]),
        (&"p".into(), &"n/p".into())
    );
    assert_eq!(group["interval"], 15);
    let rule = &group["rules"][0];
    for (field, value) in [
        ("type", json!("alerting")),
        ("name", json!("Deep")),
        ("query", json!("depth > 5")),
        ("duration", json!(30)),
        ("state", json!("firing")),
        ("health", json!("ok")),
        ("labels", json!({"severity": "warning"})),
        ("lastEvaluation", json!("1970-01-01T00:17:40.000Z")),
        ("alerts", alerts["alerts"].clone()),
    ] {
        assert_eq!(rule[field], value, "{field}");
    }
    for none in [
        "type=record",
        "rule_name[]=Other",
        "rule_group[]=q",
        "file[]=n/q",
    ] {
        let rules = served.data(&format!("rules?{none}")).await;
        assert_eq!(rules, json!({"groups": []}), "{none}");
    }
    let bare = served.data("rules?exclude_alerts=true").await;
    assert_eq!(bare["groups"][0]["rules"][0]["alerts"], json!([]));
}
