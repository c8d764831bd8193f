//! Lists of jobs, page by page, newest first.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use streamgate_contract::ContentId;
use streamgate_crds::transcode_job::Phase;

use super::{Desk, DeskError, is_theirs, names_gate};
use crate::ports::identity::Principal;
use crate::ports::jobs::Job;

/// What is asked of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobsOf {
    /// Of this wallet alone.
    pub owner: Option<String>,
    /// For this content alone.
    pub content: Option<ContentId>,
    /// In this phase alone.
    pub phase: Option<Phase>,
}

impl JobsOf {
    fn takes(&self, job: &Job) -> bool {
        let owner = |owner: &String| job.owner().is_some_and(|o| o.eq_ignore_ascii_case(owner));
        let content = |content: &ContentId| job.content() == Some(content.as_str());
        self.owner.as_ref().is_none_or(owner)
            && self.content.as_ref().is_none_or(content)
            && self.phase.is_none_or(|phase| job.phase == phase)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Its jobs.
    pub jobs: Vec<Arc<Job>>,
    /// Cursor of the page behind it, if there is one.
    pub next: Option<String>,
}

/// Where a job stands in lists: by its time, then by what its UID hashes to.
type Place = [i64; 3];

impl Desk {
    /// The jobs `who` may see, newest first.
    ///
    /// # Errors
    /// When the cursor is none of this list, or the cluster does not say.
    pub async fn list(
        &self,
        who: &Principal,
        of: &JobsOf,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Listing, DeskError> {
        let sees = if who.admin {
            "all".to_owned()
        } else {
            who.wallet.to_string()
        };
        let list = format!("jobs {sees} {of:?}");
        let numbers = cursor.map(|cursor| self.on.cursor_key.read(&list, cursor));
        let before = numbers.transpose()?;
        let before = before.and_then(|numbers| Place::try_from(numbers).ok());
        let mut found = self.on.jobs.all().await?;
        found.retain(|job| names_gate(&self.gate, job) && is_theirs(who, job) && of.takes(job));
        let (jobs, last) = page(found, before, limit);
        let next = last.map(|place| self.on.cursor_key.sign(&list, &place));
        Ok(Listing { jobs, next })
    }
}

/// The newest `limit` jobs behind a place, and the place of the last when there are more.
fn page(
    found: Vec<Arc<Job>>,
    before: Option<Place>,
    limit: usize,
) -> (Vec<Arc<Job>>, Option<Place>) {
    let placed = found.into_iter().map(|job| (place(&job), job));
    let mut placed: Vec<(Place, Arc<Job>)> = placed
        .filter(|(place, _)| before.is_none_or(|before| *place < before))
        .collect();
    placed.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
    let more = placed.len() > limit;
    placed.truncate(limit);
    let last = placed.last().filter(|_| more).map(|(place, _)| *place);
    (placed.into_iter().map(|(_, job)| job).collect(), last)
}

fn place(job: &Job) -> Place {
    let hash = Sha256::digest(&job.uid);
    let number = |at: usize| {
        let bytes = hash[at..at + 8].try_into();
        bytes.map_or(0, i64::from_be_bytes)
    };
    [job.created_at, number(0), number(8)]
}
