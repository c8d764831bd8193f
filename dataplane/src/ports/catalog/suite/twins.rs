//! Outputs of the same source and plan.

use super::{Catalog, content, output, segment};

/// Runs this part of the suite.
pub async fn run(catalog: &dyn Catalog) {
    a_twin_is_finished_of_the_same_source_plan_and_owner(catalog).await;
    a_twin_is_made_in_the_same_namespace(catalog).await;
}

async fn finish(catalog: &dyn Catalog, id: &str) {
    let id = id.parse().unwrap();
    for track in ["v720", "a-en-aac"] {
        for number in [None, Some(0), Some(1)] {
            let object = segment(track, number, "a");
            catalog.commit(&id, &object).await.unwrap();
        }
    }
    catalog.publish(&id).await.unwrap();
}

async fn twin(catalog: &dyn Catalog, id: &str) -> Option<String> {
    let found = catalog.twin(&id.parse().unwrap()).await.unwrap();
    found.map(|output| output.id.to_string())
}

async fn a_twin_is_finished_of_the_same_source_plan_and_owner(catalog: &dyn Catalog) {
    for (name, owner) in [("tw-a", "0xt"), ("tw-b", "0xt"), ("tw-c", "0xother")] {
        let mut made = content(name);
        made.owner = owner.into();
        catalog.create_content(&made).await.unwrap();
        let output = output(&format!("{name}-o"), name, &format!("{name}-job"));
        catalog.plan_output(&output).await.unwrap();
    }
    let mut other = output("tw-d-o", "tw-b", "tw-d-job");
    other.plan.engine = "another".into();
    catalog.plan_output(&other).await.unwrap();
    assert_eq!(twin(catalog, "tw-b-o").await, None, "no source is known");
    for id in ["tw-a-o", "tw-b-o", "tw-c-o", "tw-d-o"] {
        catalog
            .note_source(&id.parse().unwrap(), "5a")
            .await
            .unwrap();
    }
    assert_eq!(twin(catalog, "tw-b-o").await, None, "none is finished");
    finish(catalog, "tw-a-o").await;
    assert_eq!(twin(catalog, "tw-b-o").await.as_deref(), Some("tw-a-o"));
    assert_eq!(twin(catalog, "tw-a-o").await, None, "not itself");
    assert_eq!(twin(catalog, "tw-c-o").await, None, "another's");
    assert_eq!(twin(catalog, "tw-d-o").await, None, "another plan");
    let b = "tw-b-o".parse().unwrap();
    catalog.note_source(&b, "5b").await.unwrap();
    assert_eq!(twin(catalog, "tw-b-o").await, None, "another source");
    let a = "tw-a-o".parse().unwrap();
    assert_eq!(catalog.taken_from(&b).await.unwrap(), None);
    catalog.note_taken(&b, &a).await.unwrap();
    assert_eq!(catalog.taken_from(&b).await.unwrap(), Some(a));
}

async fn a_twin_is_made_in_the_same_namespace(catalog: &dyn Catalog) {
    for (name, namespace) in [("tn-a", "one"), ("tn-b", "one"), ("tn-c", "two")] {
        catalog
            .create_content_of(&content(name), namespace)
            .await
            .unwrap();
        let output = output(&format!("{name}-o"), name, &format!("{name}-job"));
        catalog.plan_output(&output).await.unwrap();
        catalog.note_source(&output.id, "5c").await.unwrap();
    }
    finish(catalog, "tn-a-o").await;
    assert_eq!(twin(catalog, "tn-b-o").await.as_deref(), Some("tn-a-o"));
    assert_eq!(twin(catalog, "tn-c-o").await, None, "another namespace's");
}
