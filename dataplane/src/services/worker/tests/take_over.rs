//! What is finished of the same source and plan is taken over.

use super::*;
use crate::ports::jobs::Job;

/// Another job for another content.
const OTHER: &str = "1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1";

fn other() -> Job {
    let job = testing::job();
    let mut spec = (*job.spec).clone();
    spec.content.as_mut().unwrap().id = "copy".parse().unwrap();
    Job {
        uid: OTHER.into(),
        name: "copy".into(),
        spec: Arc::new(spec),
        ..job
    }
}

fn other_pod(step: Step) -> String {
    format!("{}-0-abcde", names::job(OTHER, 0, step))
}

impl World {
    /// Hands in the plan with a hash of the source.
    async fn plan(&self, pod: &str, sha256: &str) -> Value {
        let request = self.http.post(format!("{}{PLAN_PATH}", self.url));
        let request = request.bearer_auth(format!("media/{pod}"));
        let request = request.header(SOURCE_SHA256, sha256).json(&testing::plan());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// The first job, from plan to published.
    async fn finished(source: &str) -> Self {
        let world = Self::new().await;
        let plan = pod(Step::Plan, 0);
        world.plan(&plan, source).await;
        for track in ["v720", "v360", "a-en-aac"] {
            world.deliver(&plan, &init(track), b"init").await;
        }
        for (index, object) in segments() {
            world
                .deliver(&pod(Step::Encode, index), &object, b"media")
                .await;
        }
        let publish = pod(Step::Publish, 0);
        let (status, _) = world.post(&publish, PUBLISH_PATH, Value::Null).await;
        assert_eq!(status, 200);
        world.jobs.put(other());
        world
    }
}

fn committed(order: &Value) -> usize {
    order["order"]["committed"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_job_of_the_same_source_has_nothing_to_encode() {
    let source = sha256(b"the source");
    let world = World::finished(&source).await;
    let order = world.plan(&other_pod(Step::Plan), &source).await;
    assert_eq!(committed(&order), 18);
    assert_eq!(world.progress().await.segments, "18/18");
    let (status, done) = world
        .post(&other_pod(Step::Publish), PUBLISH_PATH, Value::Null)
        .await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(
        (&done["content"], &done["takenFrom"]),
        (&json!("copy"), &json!(format!("{UID}-0")))
    );
    // What the first content is made of goes; the second stays whole.
    let below = |name: &str| ObjectKey::parse(&format!("contents/{name}")).unwrap();
    for key in world.objects.list(&below("film")).await.unwrap() {
        world.objects.delete(&key).await.unwrap();
    }
    assert_eq!(world.objects.list(&below("copy")).await.unwrap().len(), 21);
    let id = format!("{OTHER}-0").parse().unwrap();
    for segment in world.catalog.segments(&id).await.unwrap() {
        let key = ObjectKey::parse(&segment.key).unwrap();
        let bytes = world.objects.get(&key).await.unwrap();
        assert_eq!(sha256(&bytes), segment.sha256);
    }
}

#[tokio::test]
async fn another_source_is_encoded() {
    let world = World::finished(&sha256(b"the source")).await;
    for said in [sha256(b"another"), "no hash".into()] {
        let order = world.plan(&other_pod(Step::Plan), &said).await;
        assert_eq!(committed(&order), 0, "{said}");
    }
}

#[tokio::test]
async fn objects_that_are_gone_are_encoded_again() {
    let source = sha256(b"the source");
    let world = World::finished(&source).await;
    let folder = ObjectKey::parse(&format!("contents/film/{UID}-0/v720")).unwrap();
    for key in world.objects.list(&folder).await.unwrap() {
        world.objects.delete(&key).await.unwrap();
    }
    world.plan(&other_pod(Step::Plan), &source).await;
    let (status, answer) = world
        .post(&other_pod(Step::Publish), PUBLISH_PATH, Value::Null)
        .await;
    assert_eq!(
        (status.as_u16(), &answer["reason"]),
        (500, &json!("OutputIncomplete"))
    );
}
