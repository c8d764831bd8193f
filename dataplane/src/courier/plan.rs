//! What a Plan pod hands in before any segment: the plan, read from hostile hands, and the init
//! segments it names.

use futures::{StreamExt, TryStreamExt, stream};
use streamgate_contract::job_api::Object;
use streamgate_contract::job_files::{
    MAX_PLAN_BYTES, MAX_SEGMENT_BYTES, OUT, Order, PLAN, SegmentName, init_name, text_name,
};
use streamgate_contract::plan::Plan;
use streamgate_contract::stills::Still;

use super::deliver::{Delivery, PARALLEL};
use super::expected::has_distinct_tracks;
use super::folder::Folder;
use super::halt::Halt;
use super::send::Hashed;
use super::source::Hashing;

/// The source of a Plan pod, all of it.
pub(super) struct Fetched {
    /// Bytes that were fetched since the pod's work began to be counted.
    pub(super) bytes: u64,
    pub(super) hashing: Hashing,
}

/// A plan the worker has accepted.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) committed: Vec<SegmentName>,
}

impl Delivery<'_> {
    /// Waits for the plan and for the `source`, which may still be arriving, hands the plan in and
    /// delivers its init segments; `None` when stopped first. The files stay, so that a courier started
    /// again can do the same once more.
    pub(super) async fn plan(
        &mut self,
        mut committed: Vec<SegmentName>,
        source: impl Future<Output = Result<Fetched, Halt>>,
    ) -> Result<Option<Planned>, Halt> {
        let (plan, source) = tokio::try_join!(self.await_plan(), source)?;
        let Some(plan) = plan else {
            return Ok(None);
        };
        self.fetched(source.bytes);
        let mut objects = inits(self.folder, &plan).await?;
        objects.extend(texts(self.folder, &plan).await?);
        objects.extend(stills(self.folder, &plan).await?);
        let sha256 = source.hashing.sha256().await;
        let answer = self.worker.plan(&plan, sha256.as_deref()).await?;
        committed.extend(stored(answer.order, &plan)?);
        let worker = self.worker;
        stream::iter(&objects)
            .map(Ok)
            .try_for_each_concurrent(PARALLEL, |(object, file)| file.deliver(object, worker))
            .await?;
        Ok(Some(Planned { plan, committed }))
    }

    async fn await_plan(&mut self) -> Result<Option<Plan>, Halt> {
        let path = format!("{OUT}/{PLAN}");
        loop {
            if let Some(found) = self.folder.find(&path, MAX_PLAN_BYTES)? {
                return parse(&found.read()?).map(Some);
            }
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            self.listen()?;
            self.pause().await;
        }
    }
}

/// The init segments, each exactly what the plan says.
async fn inits(folder: &Folder, plan: &Plan) -> Result<Vec<(Object, Hashed)>, Halt> {
    let mut inits = Vec::new();
    for track in &plan.tracks {
        let name = init_name(&track.id);
        let object = Object::Init {
            track: track.id.clone(),
        };
        let said = (track.init_sha256.as_str(), track.init_bytes);
        inits.push((object, planned(folder, &name, said).await?));
    }
    Ok(inits)
}

/// The text tracks, each exactly what the plan says.
async fn texts(folder: &Folder, plan: &Plan) -> Result<Vec<(Object, Hashed)>, Halt> {
    let mut found = Vec::new();
    for text in &plan.text {
        let said = (text.sha256.as_str(), text.bytes);
        let file = planned(folder, &text_name(&text.id), said).await?;
        let track = text.id.clone();
        found.push((Object::Text { track }, file));
    }
    Ok(found)
}

/// The stills, each exactly what the plan says.
async fn stills(folder: &Folder, plan: &Plan) -> Result<Vec<(Object, Hashed)>, Halt> {
    let mut found = Vec::new();
    for (still, stills) in Still::ALL.into_iter().zip(plan.stills.iter().cycle()) {
        let said = stills.plan(still);
        let said = (said.sha256.as_str(), said.bytes);
        let file = planned(folder, &still.file(), said).await?;
        found.push((Object::Still { still }, file));
    }
    Ok(found)
}

/// A file that the plan says hash and size of.
async fn planned(
    folder: &Folder,
    name: &str,
    (sha256, bytes): (&str, u64),
) -> Result<Hashed, Halt> {
    let path = format!("{OUT}/{name}");
    let refused = |why| Halt::FileRefused {
        name: path.clone(),
        why,
    };
    let found = folder.find(&path, MAX_SEGMENT_BYTES)?;
    let file = Hashed::new(found.ok_or_else(|| refused("it is missing"))?).await?;
    match file.sha256 == sha256 && file.bytes() == bytes {
        true => Ok(file),
        false => Err(refused("it is not what the plan says")),
    }
}

fn parse(text: &[u8]) -> Result<Plan, Halt> {
    let plan: Plan = serde_json::from_slice(text)
        .map_err(|_| Halt::BadPlan("it is not understood".to_owned()))?;
    if has_distinct_tracks(&plan) {
        return Ok(plan);
    }
    Err(Halt::BadPlan("it names no track, or one twice".to_owned()))
}

/// What of the output is committed, if its plan is this one.
fn stored(order: Order, ours: &Plan) -> Result<Vec<SegmentName>, Halt> {
    match order {
        Order::Encode { plan, .. } if *plan != *ours => Err(Halt::PlanDiffers),
        Order::Encode { committed, .. } | Order::Plan { committed, .. } => Ok(committed),
    }
}
