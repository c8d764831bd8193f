//! How jobs of a gate are encoded when they do not say otherwise.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use streamgate_contract::profiles::Profile;
use streamgate_contract::renditions::{self, AudioSettings, GridSettings, Ladder, Rendition};

use super::Resources;
use crate::scheduling::Scheduling;

/// Defaults of TranscodeJobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TranscodeDefaults {
    /// Ladder, tallest first; rungs taller than the source are dropped. Default: profile standard.
    #[schemars(length(min = 1, max = 12))]
    pub renditions: Vec<Rendition>,
    /// Fixed makes every rung that does not enlarge the source. Auto encodes samples of the source
    /// first and leaves out a rung that looks like its neighbours, and those below one that goes
    /// through the lowest rung's cap. Default Fixed.
    pub ladder: Ladder,
    /// Begin to encode while an upload still runs, if it is an MP4 file with its index in front and no
    /// longer than one span. Not with a fitted ladder or loudness, which need the whole file. Default
    /// false.
    pub while_uploading: bool,
    /// Profiles that TranscodeJobs may name, beside the built-in standard, auto, mobile, hevc, av1
    /// and vp9; one of the same name replaces it. What a profile does not say, the fields here say.
    #[schemars(extend("maxProperties" = 16))]
    pub profiles: BTreeMap<String, Profile>,
    /// Audio.
    pub audio: AudioSettings,
    /// Grid.
    pub grid: GridSettings,
    /// Job pods at once. Default 8.
    #[schemars(range(min = 1, max = 10_000))]
    pub parallelism: i32,
    /// Required: a node without Landlock refuses the job. BestEffort: it runs with what there is.
    pub sandbox: Sandbox,
    /// Resources of the transcoder container; measured defaults when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Where the pods of jobs may run.
    pub scheduling: Scheduling,
}

impl Default for TranscodeDefaults {
    fn default() -> Self {
        Self {
            renditions: renditions::standard(),
            ladder: Ladder::Fixed,
            while_uploading: false,
            profiles: BTreeMap::new(),
            audio: AudioSettings::default(),
            grid: GridSettings::default(),
            parallelism: 8,
            sandbox: Sandbox::Required,
            resources: None,
            scheduling: Scheduling::default(),
        }
    }
}

/// How strictly the transcoder's sandbox is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Sandbox {
    /// No Landlock, no job.
    #[default]
    Required,
    /// As much as the node offers.
    BestEffort,
}
