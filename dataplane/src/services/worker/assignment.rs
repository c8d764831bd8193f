//! What a pod is to do, and where its source is.

use streamgate_contract::config::Transcode;
use streamgate_contract::encryption::{ContentKey, EncryptionSettings, Hex16, Protection};
use streamgate_contract::job_api::{Assignment, Object, SourceAccess, SourcePart};
use streamgate_contract::job_files::{Order, SegmentName};
use streamgate_contract::names::Step;
use streamgate_contract::plan::PlanRequest;
use streamgate_contract::profiles::{self, Profile};
use streamgate_contract::renditions::Rendition;
use streamgate_contract::text::{SideFile, TextTraits};
use streamgate_crds::TranscodeJobSpec;
use streamgate_crds::transcode_job::Subtitles;

use super::Worker;
use super::admit::Task;
use super::error::WorkerError;
use super::planned::Planned;
use super::signature::Grant;
use crate::ports::catalog::{Output, Segment, Upload, UploadPart};
use crate::ports::jobs::Pod;
use crate::ports::objects::ObjectKey;

/// Seconds a URL of a source part is good for; a courier that is slower asks again.
const SOURCE_URL_SECONDS: u32 = 900;

impl Worker {
    /// What this pod is to do; said when its source has more than `beyond` bytes or is whole, or after a
    /// while.
    ///
    /// # Errors
    /// When the pod may not ask, the source is not there, or Encode has no plan yet.
    pub async fn assignment(
        &self,
        pod: &Pod,
        beyond: Option<u64>,
    ) -> Result<Assignment, WorkerError> {
        let task = self.task(pod).await?;
        if let Some(beyond) = beyond {
            self.await_more(&task, beyond).await?;
        }
        let output = self.catalog.output_of_job(&task.key()).await?;
        match task.pod.step {
            Step::Plan => {
                let arriving = self.arriving(&task).await?;
                if arriving.is_none() {
                    self.content_for(&task).await?;
                }
                let committed = match &output {
                    Some(output) => self.committed_of(&task, output).await?,
                    None => Vec::new(),
                };
                let request = plan_request(&self.transcode, &task.job.spec)?;
                let order = Order::Plan {
                    request,
                    committed,
                    arriving,
                };
                self.assign(&task, order).await
            }
            Step::Encode => {
                let output = output.ok_or(WorkerError::NotPlanned)?;
                let order = self.encode_order(&task, output).await?;
                self.assign(&task, order).await
            }
            Step::Publish => Err(WorkerError::NotAssigned("anything".into())),
        }
    }

    pub(super) async fn assign(
        &self,
        task: &Task,
        order: Order,
    ) -> Result<Assignment, WorkerError> {
        let subtitles = match order {
            Order::Plan { .. } => subtitle_paths(&task.job.spec),
            Order::Encode { .. } => Vec::new(),
        };
        Ok(Assignment {
            order,
            subtitles,
            source: self.source(task).await?,
            protection: self.protection(task).await?,
        })
    }

    /// What the job's output is encrypted with: a key of its own that stays over all its pods.
    pub(super) async fn protection(&self, task: &Task) -> Result<Option<Protection>, WorkerError> {
        let Some(wanted) = &task.job.spec.encryption else {
            return Ok(None);
        };
        let fresh = ContentKey {
            id: Hex16::new(rand::random()),
            key: Hex16::new(rand::random()),
        };
        let key = self.catalog.keep_key(&task.key(), &fresh).await?;
        let scheme = wanted.scheme;
        Ok(Some(Protection { scheme, key }))
    }

    /// The order of an Encode pod: the plan and the span of its index.
    pub(super) async fn encode_order(
        &self,
        task: &Task,
        output: Output,
    ) -> Result<Order, WorkerError> {
        let committed = self.committed_of(task, &output).await?;
        let span = output.plan.spans.get(task.pod.index as usize).cloned();
        let missing = || WorkerError::NotAssigned(format!("span {}", task.pod.index));
        let span = span.ok_or_else(missing)?;
        Ok(Order::Encode {
            plan: Box::new(output.plan),
            work: span.work,
            bytes: span.bytes,
            committed,
        })
    }

    /// Committed segments that this pod would make; a Plan pod hears of all when nothing is left to
    /// make.
    pub(super) async fn committed_of(
        &self,
        task: &Task,
        output: &Output,
    ) -> Result<Vec<SegmentName>, WorkerError> {
        let planned = Planned::of(output);
        let segments = self.catalog.segments(&output.id).await?;
        let media = segments.iter().filter(|s| s.number.is_some()).count();
        let whole = task.pod.step == Step::Plan && media >= output.plan.segments() as usize;
        let own = |segment: Segment| {
            let (track, number) = (segment.track, segment.number?);
            let object = Object::Segment {
                track: track.clone(),
                number,
            };
            let name = SegmentName { track, number };
            (whole || planned.is_made_by(&task.pod, &object)).then_some(name)
        };
        Ok(segments.into_iter().filter_map(own).collect())
    }

    async fn source(&self, task: &Task) -> Result<SourceAccess, WorkerError> {
        let source = &task.job.spec.source;
        if let Some(claim) = &source.persistent_volume_claim {
            let path = claim.path.clone();
            return Ok(SourceAccess::Mounted { path });
        }
        let upload = self.upload(task).await?;
        let mut parts = Vec::with_capacity(upload.parts.len());
        for (key, bytes) in part_objects(&upload)? {
            let url = self.read_url(&key).await?;
            parts.push(SourcePart { url, bytes });
        }
        Ok(SourceAccess::Parts { parts })
    }

    async fn read_url(&self, key: &ObjectKey) -> Result<String, WorkerError> {
        if let Some(signed) = self.objects.sign_get(key, SOURCE_URL_SECONDS).await? {
            return Ok(signed.url);
        }
        Ok(self.url_key.sign(&Grant {
            key,
            expires: self.clock.now() + i64::from(SOURCE_URL_SECONDS),
            body: None,
        }))
    }
}

/// What Plan is asked: the job's own words, then its profile's, then the StreamGate's.
pub(super) fn plan_request(
    gate: &Transcode,
    spec: &TranscodeJobSpec,
) -> Result<PlanRequest, WorkerError> {
    let own = Profile {
        renditions: spec.renditions.clone(),
        ladder: spec.ladder,
        audio: spec.audio.clone(),
        grid: spec.grid.clone(),
    };
    let named = match &spec.profile {
        None => Profile::default(),
        Some(name) => profiles::find(&gate.profiles, name).ok_or_else(|| {
            WorkerError::settings(format!(
                "there is no profile {name:?}; use one of {}, or add it to the StreamGate's spec.transcode.profiles",
                profiles::names(&gate.profiles).join(", ")
            ))
        })?,
    };
    let wanted = own.or(named);
    let renditions = wanted.renditions.unwrap_or_else(|| gate.renditions.clone());
    can_be_encrypted(spec, &renditions)?;
    Ok(PlanRequest {
        grid: wanted.grid.unwrap_or_else(|| gate.grid.clone()),
        renditions,
        ladder: wanted.ladder.unwrap_or(gate.ladder),
        audio: wanted.audio.unwrap_or_else(|| gate.audio.clone()),
        subtitles: spec.subtitles.iter().flatten().map(side_file).collect(),
        limits: gate.limits.clone(),
    })
}

/// A file with subtitles as the engine hears of it.
fn side_file(file: &Subtitles) -> SideFile {
    SideFile {
        language: file.language.clone(),
        label: file.label.clone(),
        traits: TextTraits {
            default: file.default,
            forced: file.forced,
            hearing_impaired: file.hearing_impaired,
        },
    }
}

/// Where the files of [`plan_request`] are, in the same order.
fn subtitle_paths(spec: &TranscodeJobSpec) -> Vec<String> {
    let files = spec.subtitles.iter().flatten();
    let paths = files.map(|file| file.source.persistent_volume_claim.path.clone());
    paths.collect()
}

/// Refuses codecs that the wanted encryption does not know, before anything is decoded.
fn can_be_encrypted(spec: &TranscodeJobSpec, renditions: &[Rendition]) -> Result<(), WorkerError> {
    let Some(EncryptionSettings { scheme }) = spec.encryption else {
        return Ok(());
    };
    match renditions.iter().find(|rung| !scheme.takes(rung.codec)) {
        None => Ok(()),
        Some(rung) => Err(WorkerError::settings(format!(
            "encryption cbcs and cenc are for H.264 and HEVC, and a rendition is {}; use other renditions or scheme AES-128",
            rung.codec.name()
        ))),
    }
}

/// The objects that make an upload, in order, with their lengths.
fn part_objects(upload: &Upload) -> Result<Vec<(ObjectKey, u64)>, WorkerError> {
    let object = |part: &UploadPart| Ok((ObjectKey::parse(&part.key)?, part.bytes));
    upload.parts.iter().map(object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::worker::testing;
    use serde_json::json;
    use streamgate_contract::renditions::{AudioCodec, Ladder};

    fn request(changes: serde_json::Value) -> Result<PlanRequest, WorkerError> {
        let mut spec = serde_json::to_value(&*testing::job().spec).unwrap();
        spec.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        let small = json!({"small": {"renditions": [{"height": 360, "maxKbps": 500}]}});
        let mut gate = testing::config().transcode;
        gate.profiles = serde_json::from_value(small).unwrap();
        plan_request(&gate, &serde_json::from_value(spec).unwrap())
    }

    fn heights(request: &PlanRequest) -> Vec<u32> {
        request.renditions.iter().map(|r| r.height).collect()
    }

    #[test]
    fn a_job_goes_before_its_profile_and_that_before_the_gate() {
        assert_eq!(heights(&request(json!({})).unwrap()), [720]);
        assert_eq!(
            heights(&request(json!({"profile": "small"})).unwrap()),
            [360]
        );
        let auto = request(json!({"profile": "auto"})).unwrap();
        assert_eq!((heights(&auto).len(), auto.ladder), (5, Ladder::Auto));
        let own = json!({"profile": "vp9", "renditions": [{"height": 480, "maxKbps": 900}]});
        let own = request(own).unwrap();
        assert_eq!(heights(&own), [480]);
        assert_eq!(own.audio.codec, AudioCodec::Opus);
    }

    #[test]
    fn an_unknown_profile_is_refused_with_the_names_there_are() {
        let refused = request(json!({"profile": "x"})).unwrap_err().to_string();
        assert!(refused.contains("standard, vp9"), "{refused}");
        assert!(refused.contains("small"), "{refused}");
    }

    #[test]
    fn subtitles_are_told_to_the_engine_and_their_paths_to_the_courier() {
        let file = json!({"language": "de", "label": "Deutsch", "forced": true,
            "source": {"persistentVolumeClaim": {"claimName": "c", "path": "film.de.srt"}}});
        let mut spec = serde_json::to_value(&*testing::job().spec).unwrap();
        spec["subtitles"] = json!([file]);
        let spec: TranscodeJobSpec = serde_json::from_value(spec).unwrap();
        let request = plan_request(&testing::config().transcode, &spec).unwrap();
        assert_eq!(subtitle_paths(&spec), ["film.de.srt"]);
        let [told] = &request.subtitles[..] else {
            panic!("{request:?}")
        };
        assert_eq!(
            (told.language.as_str(), told.label.as_deref()),
            ("de", Some("Deutsch"))
        );
        assert!(told.traits.forced && !told.traits.default);
    }

    #[test]
    fn samples_are_encrypted_of_codecs_that_can_be_and_segments_of_all() {
        let asked = |profile: &str, scheme: &str| {
            request(json!({"profile": profile, "encryption": {"scheme": scheme}}))
        };
        for (profile, scheme) in [("hevc", "cbcs"), ("standard", "cenc"), ("av1", "AES-128")] {
            assert!(asked(profile, scheme).is_ok(), "{profile} {scheme}");
        }
        for (profile, scheme) in [("av1", "cbcs"), ("vp9", "cenc")] {
            let refused = asked(profile, scheme).unwrap_err().to_string();
            assert!(refused.contains("scheme AES-128"), "{refused}");
        }
    }
}
