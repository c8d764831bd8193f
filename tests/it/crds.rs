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
    good_rules_are_taken(&client).await?;
    bad_objects_are_refused_with_help(&client).await?;
    the_topology_changes_where_the_data_stays(&client).await?;
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
        json!({"height": 1080, "maxKbps": 5000, "codec": "H264"})
    );
    let job = create::<TranscodeJob>(client, job("defaults", json!({}))).await?;
    assert_eq!(job["spec"]["backoffLimitPerIndex"], 3);
    let policy = create::<AlertPolicy>(client, policy("up == 0")).await?;
    assert_eq!(policy["spec"]["rules"][0]["for"], "0s");
    assert_eq!(policy["spec"]["intervalSeconds"], 15);
    Ok(())
}

async fn bad_objects_are_refused_with_help(client: &Client) -> Result<()> {
    for (rules, words) in bad_rules() {
        let chains = json!([{"name": "main", "chainId": 1, "rpcUrls": ["http://node"]}]);
        let spec = json!({"chains": chains, "rules": rules});
        refused::<StreamGate>(client, gate("bad", spec), words).await;
    }
    let gates = [
        (
            json!({"chains": [{"name": "a", "chainId": 1, "rpcUrls": ["http://node"], "quorum": 2}]}),
            "list as many rpcUrls or lower quorum",
        ),
        (
            json!({"chains": [{"name": "a", "chainId": 1, "rpcUrls": ["http://node"], "finality": "Safe", "confirmations": 1}]}),
            "use them with finality Latest",
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
            json!({"components": {"all": {"replicas": 2}}}),
            "without replicas and autoscaling",
        ),
        (
            json!({"topology": "Distributed"}),
            "set both, or use topology Compact",
        ),
        (
            apart(json!({"components": {"all": {}}})),
            "the keys of spec.components are gateway, auth",
        ),
        (
            apart(json!({"components": {"worker": {"replicas": 2}}})),
            "cache, worker and monitor have one pod each",
        ),
        (
            apart(json!({"components": {"cache": {"autoscaling": {"maxReplicas": 3}}}})),
            "cache, worker and monitor have one pod each",
        ),
        (
            apart(
                json!({"components": {"auth": {"replicas": 2, "autoscaling": {"maxReplicas": 3}}}}),
            ),
            "remove replicas or autoscaling",
        ),
        (
            apart(json!({"components": {"auth": {"autoscaling": {"maxReplicas": 1}}}})),
            "minReplicas is above maxReplicas",
        ),
        (
            json!({"database": {"postgres": {"secretName": "s", "connectionsPerPod": 1}}}),
            "spec.database.postgres.connectionsPerPod",
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
        (
            json!({"encryption": {"scheme": "cbcs"}, "renditions": [{"height": 360, "maxKbps": 500, "codec": "AV1"}]}),
            "encryption cbcs and cenc are for H264 and HEVC",
        ),
        (
            json!({"subtitles": [subtitles("a", "en", true), subtitles("b", "de", false)]}),
            "subtitles must lie in one claim",
        ),
        (
            json!({"content": {"id": "film"}, "source": {"persistentVolumeClaim": {"claimName": "c", "path": "a.mp4"}},
                "subtitles": [subtitles("other", "en", false)]}),
            "subtitles must lie in one claim",
        ),
        (
            json!({"subtitles": [subtitles("c", "en", true), subtitles("c", "de", true)]}),
            "at most one of the subtitles can be the default",
        ),
        (
            json!({"subtitles": [subtitles("c", "e n", false)]}),
            "spec.subtitles[0].language",
        ),
        (
            json!({"subtitles": vec![subtitles("c", "en", false); 17]}),
            "spec.subtitles",
        ),
    ];
    let good = json!({"subtitles": [subtitles("c", "en", true), subtitles("c", "pt-BR", false)]});
    let job_made = create::<TranscodeJob>(client, job("subtitles", good)).await?;
    assert_eq!(job_made["spec"]["subtitles"][1]["default"], false);
    for (spec, words) in jobs {
        refused::<TranscodeJob>(client, job("bad", spec), words).await;
    }
    let mut twice = policy("up == 0");
    let rule = twice["spec"]["rules"][0].clone();
    twice["spec"]["rules"] = json!([rule, rule]);
    refused::<AlertPolicy>(client, twice, "Duplicate value").await;
    Ok(())
}

/// A file with subtitles in a claim.
fn subtitles(claim: &str, language: &str, default: bool) -> Value {
    json!({"language": language, "default": default,
        "source": {"persistentVolumeClaim": {"claimName": claim, "path": "film.srt"}}})
}

/// Rules that no gate takes, on a gate whose one chain is `main`.
fn bad_rules() -> Vec<(Value, &'static str)> {
    let contract = "0x0000000000000000000000000000000000000001";
    let token = |chain: &str| json!({"chain": chain, "contract": contract});
    let pass = json!({"name": "pass", "erc721": token("main")});
    let kind = "a rule has exactly one kind";
    let chain = "must be the name of one of spec.chains";
    let above = "listed above it in spec.rules";
    let with = |kind: &str, mut rule: Value| {
        rule["chain"] = "nowhere".into();
        rule["contract"] = contract.into();
        json!([{"name": "r", kind: rule}])
    };
    vec![
        (json!([{"name": "none"}]), kind),
        (
            json!([pass, {"name": "two", "erc721": token("main"), "anyOf": ["pass"]}]),
            kind,
        ),
        (with("erc721", json!({})), chain),
        (with("erc1155", json!({"tokenId": "1"})), chain),
        (with("erc20", json!({"minimum": "1"})), chain),
        (with("call", json!({"function": "f()"})), chain),
        (
            json!([{"name": "r", "native": {"chain": "nowhere", "minimum": "1"}}]),
            chain,
        ),
        (
            json!([{"name": "r", "splToken": {"cluster": "nowhere", "mint": "1".repeat(32)}}]),
            "must be the name of one of spec.solana",
        ),
        (
            json!([{"name": "r", "metaplexNft": {"cluster": "nowhere", "collection": "1".repeat(32)}}]),
            "must be the name of one of spec.solana",
        ),
        (
            json!([{"name": "r", "metaplexNft": {"cluster": "sol", "collection": "0".repeat(32)}}]),
            "spec.rules[0].metaplexNft.collection",
        ),
        (
            json!([{"name": "r", "erc721": {"chain": "main", "contract": contract, "through": {"accounts": [{"contract": contract}]}}}]),
            "implementation",
        ),
        (
            json!([{"name": "r", "erc20": {"chain": "main", "contract": contract, "minimum": "1", "through": {"delegation": {"rights": "0x01"}}}}]),
            "spec.rules[0].erc20.through.delegation.rights",
        ),
        (json!([{"name": "r", "allOf": ["nobody"]}]), above),
        (json!([{"name": "r", "anyOf": ["r"]}]), above),
        (json!([{"name": "r", "not": "pass"}, pass]), above),
        (
            json!([pass, {"name": "r", "allOf": []}]),
            "spec.rules[1].allOf",
        ),
        (
            json!([pass, {"name": "r", "anyOf": vec!["pass"; 9]}]),
            "spec.rules[1].anyOf",
        ),
        (
            json!([{"name": "r", "native": {"chain": "main", "minimum": "0"}}]),
            "spec.rules[0].native.minimum",
        ),
        (
            json!([{"name": "r", "call": {"chain": "main", "contract": contract, "function": "f(string)"}}]),
            "spec.rules[0].call.function",
        ),
        (
            json!([{"name": "r", "allowList": {"wallets": ["vitalik.eth"]}}]),
            "spec.rules[0].allowList.wallets[0]",
        ),
        (
            json!([{"name": "r", "merkle": {"root": "0x11"}}]),
            "spec.rules[0].merkle.root",
        ),
    ]
}

/// Every kind of rule and a combination of each sort is taken.
async fn good_rules_are_taken(client: &Client) -> Result<()> {
    let contract = "0x0000000000000000000000000000000000000001";
    let rules = json!([
        {"name": "pass", "erc721": {"chain": "main", "contract": contract}},
        {"name": "badge", "erc1155": {"chain": "main", "contract": contract, "tokenId": "7"}},
        {"name": "coins", "erc20": {"chain": "main", "contract": contract, "minimum": "1000"}},
        {"name": "rich", "native": {"chain": "main", "minimum": "1000"}},
        {"name": "member", "call": {"chain": "main", "contract": contract, "function": "getHasValidKey(address)", "arguments": ["$viewer"]}},
        {"name": "friends", "allowList": {"wallets": [contract, format!("eip155:10:{contract}")]}},
        {"name": "backers", "merkle": {"root": format!("0x{}", "01".repeat(32))}},
        {"name": "vaults", "erc20": {"chain": "main", "contract": contract, "minimum": "1", "through": {"delegation": {}}}},
        {"name": "bound", "erc721": {"chain": "main", "contract": contract, "through": {"accounts": [{"contract": contract, "implementation": contract}]}}},
        {"name": "sols", "splToken": {"cluster": "sol", "mint": "1".repeat(32)}},
        {"name": "art", "metaplexNft": {"cluster": "sol", "collection": "1".repeat(44)}},
        {"name": "tokens", "anyOf": ["pass", "badge"]},
        {"name": "outsider", "not": "friends"},
        {"name": "all", "allOf": ["tokens", "outsider"]},
    ]);
    let chains = json!([{"name": "main", "chainId": 1, "rpcUrls": ["http://node", "http://other"], "quorum": 2, "finality": "Finalized"}]);
    let solana = json!([{"name": "sol", "rpcUrls": ["http://node"]}]);
    let spec = json!({"chains": chains, "solana": solana, "rules": rules, "defaultRule": "all"});
    let made = create::<StreamGate>(client, gate("rules", spec)).await?;
    assert_eq!(made["spec"]["rules"][1]["erc1155"]["minimum"], "1");
    assert_eq!(made["spec"]["chains"][0]["maxAgeSeconds"], 3600);
    let registry = &made["spec"]["rules"][7]["erc20"]["through"]["delegation"]["registry"];
    assert_eq!(registry, "0x00000000000000447e69651d841bD8D104Bed493");
    assert_eq!(made["spec"]["solana"][0]["commitment"], "Finalized");
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

/// A spec of topology Distributed with more in it.
fn apart(more: Value) -> Value {
    let mut spec = json!({"topology": "Distributed",
        "storage": {"s3": {"bucket": "videos", "credentialsSecretName": "s"}},
        "database": {"postgres": {"secretName": "s"}}});
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
        spec.extend(more.clone());
    }
    spec
}

/// Only what both topologies can read is taken along.
async fn the_topology_changes_where_the_data_stays(client: &Client) -> Result<()> {
    let gates = api::<StreamGate>(client);
    let to = |spec: Value| {
        let gates = gates.clone();
        async move {
            let patch = Patch::Merge(json!({"spec": spec}));
            let answer = gates.patch("moves", &PatchParams::default(), &patch).await;
            answer.map(|_| ()).map_err(|error| error.to_string())
        }
    };
    let made = create::<StreamGate>(client, gate("moves", apart(json!({})))).await?;
    let postgres = &made["spec"]["database"]["postgres"];
    assert_eq!(
        (&postgres["key"], &postgres["connectionsPerPod"]),
        (&json!("url"), &json!(8))
    );
    assert_eq!(to(json!({"topology": "Compact"})).await, Ok(()));
    assert_eq!(to(json!({"topology": "Distributed"})).await, Ok(()));
    let away = to(json!({"topology": "Compact", "database": {"postgres": null}})).await;
    let error = away.unwrap_err();
    assert!(
        error.contains("the kind of database cannot be changed"),
        "{error}"
    );
    let both = json!({"topology": "Distributed",
        "storage": {"s3": {"bucket": "videos", "credentialsSecretName": "s"}},
        "database": {"postgres": {"secretName": "s"}}});
    let patch = Patch::Merge(json!({"spec": both}));
    let answer = gates.patch("fresh", &PatchParams::default(), &patch).await;
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("topology can change only while"), "{error}");
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
