//! The generated CRDs against a real kube-apiserver: what it defaults, takes and refuses, and in
//! which words.

use anyhow::Result;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, Resource};
use serde_json::{Value, json};
use streamgate_crds::{AlertPolicy, StreamGate, TranscodeJob, definitions, reference};
use streamgate_tests::{ControlPlane, root};

const CLIENT_SIDE_APPLY_LIMIT: usize = 100 * 1024;

#[test]
fn yaml_in_the_repository_is_what_the_types_say() {
    for (file, crd) in definitions::all() {
        let kept = std::fs::read_to_string(root().join("crds/yaml").join(file)).unwrap();
        let made = definitions::yaml(&crd).unwrap();
        assert!(
            kept == made,
            "crds/yaml/{file} is out of date: run `make crds`"
        );
        assert!(
            made.len() <= CLIENT_SIDE_APPLY_LIMIT,
            "{file}: {} bytes",
            made.len()
        );
    }
}

#[test]
fn the_reference_is_what_the_types_say() {
    for (file, crd) in definitions::all() {
        let page = root()
            .join("docs/src/reference")
            .join(file)
            .with_extension("md");
        let kept = std::fs::read_to_string(&page).unwrap();
        assert!(
            kept == reference::page(&crd).unwrap(),
            "{} is out of date: run `make crds`",
            page.display()
        );
    }
}

/// One control plane serves every case: starting it is what takes the time.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_takes_and_refuses_as_documented() -> Result<()> {
    let plane = ControlPlane::start()?;
    let client = plane.client().await?;
    install(&client).await?;
    a_new_object_was_never_observed(&client).await?;
    defaults_are_filled_in(&client).await?;
    bad_objects_are_refused_with_help(&client).await?;
    immutable_fields_stay(&client).await
}

/// Installs the CRDs and waits until they are served.
pub async fn install(client: &Client) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for (_, crd) in definitions::all() {
        let name = crd.metadata.name.clone().unwrap_or_default();
        api.patch(&name, &PatchParams::apply("test"), &Patch::Apply(&crd))
            .await?;
        await_condition(api.clone(), &name, conditions::is_crd_established()).await?;
    }
    Ok(())
}

async fn a_new_object_was_never_observed(client: &Client) -> Result<()> {
    let gate = create::<StreamGate>(client, gate("fresh", json!({}))).await?;
    assert_eq!(gate["status"]["observedGeneration"], -1);
    Ok(())
}

async fn defaults_are_filled_in(client: &Client) -> Result<()> {
    let gate = create::<StreamGate>(client, gate("defaults", json!({}))).await?;
    let spec = &gate["spec"];
    assert_eq!(spec["topology"], "Compact");
    assert_eq!(spec["dataPolicy"], "Retain");
    assert_eq!(spec["auth"]["leaseSeconds"], 300);
    assert_eq!(
        spec["transcode"]["renditions"][0],
        json!({"height": 1080, "maxKbps": 5000, "crf": 23})
    );
    let job = create::<TranscodeJob>(client, job("defaults", json!({}))).await?;
    assert_eq!(job["spec"]["backoffLimitPerIndex"], 3);
    let policy = create::<AlertPolicy>(client, policy("up == 0")).await?;
    assert_eq!(policy["spec"]["rules"][0]["for"], "0s");
    assert_eq!(policy["spec"]["intervalSeconds"], 15);
    Ok(())
}

async fn bad_objects_are_refused_with_help(client: &Client) -> Result<()> {
    let rule = json!([{"name": "pass", "erc721": {"chain": "nowhere", "contract": "0x0000000000000000000000000000000000000001"}}]);
    let gates = [
        (
            json!({"rules": rule}),
            "must be the name of one of spec.chains",
        ),
        (
            json!({"defaultRule": "pass"}),
            "defaultRule must be the name of one of spec.rules",
        ),
        (
            json!({"components": {"gateway": {}}}),
            "use only the key 'all'",
        ),
        (
            json!({"auth": {"leaseSeconds": 601}}),
            "spec.auth.leaseSeconds",
        ),
        (
            json!({"people": {"creators": ["vitalik.eth"]}}),
            "spec.people.creators[0]",
        ),
        (
            json!({"exposure": {"publicUrl": "https://watch.example/"}}),
            "spec.exposure.publicUrl",
        ),
    ];
    for (spec, words) in gates {
        refused::<StreamGate>(client, gate("bad", spec), words).await;
    }
    let long = "g".repeat(51);
    refused::<StreamGate>(client, gate(&long, json!({})), "use at most 50 characters").await;
    let both = json!({"source": {"upload": {"id": "u1"}, "persistentVolumeClaim": {"claimName": "c", "path": "a.mp4"}}});
    let jobs = [
        (
            both,
            "set exactly one of source.upload and source.persistentVolumeClaim",
        ),
        (json!({"source": {}}), "set exactly one of"),
        (
            json!({"source": {"upload": {"id": "../x"}}}),
            "spec.source.upload.id",
        ),
        (json!({"renditions": []}), "spec.renditions"),
    ];
    for (spec, words) in jobs {
        refused::<TranscodeJob>(client, job("bad", spec), words).await;
    }
    let mut twice = policy("up == 0");
    let rule = twice["spec"]["rules"][0].clone();
    twice["spec"]["rules"] = json!([rule, rule]);
    refused::<AlertPolicy>(client, twice, "Duplicate value").await;
    Ok(())
}

async fn immutable_fields_stay(client: &Client) -> Result<()> {
    create::<TranscodeJob>(client, job("fixed", json!({}))).await?;
    let api = api::<TranscodeJob>(client);
    let suspend = Patch::Merge(json!({"spec": {"suspend": true, "parallelism": 2}}));
    api.patch("fixed", &PatchParams::default(), &suspend)
        .await?;
    let source = Patch::Merge(json!({"spec": {"source": {"upload": {"id": "other"}}}}));
    let error = api
        .patch("fixed", &PatchParams::default(), &source)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("delete the TranscodeJob and make a new one"),
        "{error}"
    );
    let s3 =
        json!({"spec": {"storage": {"s3": {"bucket": "videos", "credentialsSecretName": "s"}}}});
    let gates = self::api::<StreamGate>(client);
    let error = gates
        .patch("fresh", &PatchParams::default(), &Patch::Merge(s3))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the kind of storage cannot be changed"),
        "{error}"
    );
    Ok(())
}

fn gate(name: &str, spec: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": spec})
}

/// A valid job, its spec overlaid with `spec`.
fn job(name: &str, spec: Value) -> Value {
    let mut whole = json!({"streamGateRef": {"name": "demo"}, "source": {"upload": {"id": "u1"}}});
    if let (Some(whole), Some(spec)) = (whole.as_object_mut(), spec.as_object()) {
        whole.extend(spec.clone());
    }
    json!({"metadata": {"name": name}, "spec": whole})
}

fn policy(expr: &str) -> Value {
    let rules = json!([{"name": "Down", "expr": expr}]);
    json!({"metadata": {"name": "policy"}, "spec": {"streamGateRef": {"name": "demo"}, "rules": rules}})
}

fn api<K: Resource<DynamicType = ()>>(client: &Client) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), "default", &ApiResource::erase::<K>(&()))
}

async fn create<K: Resource<DynamicType = ()>>(
    client: &Client,
    object: Value,
) -> kube::Result<Value> {
    let mut object = object;
    object["apiVersion"] = K::api_version(&()).into();
    object["kind"] = K::kind(&()).into();
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let made = api::<K>(client)
        .create(&PostParams::default(), &object)
        .await?;
    Ok(serde_json::to_value(made).unwrap())
}

async fn refused<K: Resource<DynamicType = ()>>(client: &Client, object: Value, words: &str) {
    let shown = object.to_string();
    let answer = create::<K>(client, object).await;
    let error = answer
        .map(|_| ())
        .expect_err(&format!("taken although it must not be: {shown}"));
    assert!(error.to_string().contains(words), "{shown}: {error}");
}
