//! News of an upload for whoever watches it: where it stands, whenever that has changed, until it is a
//! content or gone. Asked of the catalog, so any replica can tell.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream};
use streamgate_contract::UploadId;

use super::error::UploadError;
use super::{Status, UploadService};
use crate::ports::identity::Principal;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// What is told.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Where the upload stands.
    Progress(Box<Status>),
    /// It is a content now: the last news.
    Complete(Box<Status>),
    /// It has ended without one: the last news.
    Gone,
}

enum Look {
    First(Box<Status>),
    Next(Box<Status>),
    Over,
}

impl UploadService {
    /// News of an upload, beginning with where it stands.
    ///
    /// # Errors
    /// When there is no such upload for the caller.
    pub async fn news(
        self: Arc<Self>,
        who: Principal,
        id: UploadId,
    ) -> Result<impl Stream<Item = News> + Send + use<>, UploadError> {
        let first = self.describe(who, &id).await?;
        let look = Look::First(Box::new(first));
        Ok(stream::unfold((self, look), move |(service, look)| {
            let id = id.clone();
            async move {
                let status = match look {
                    Look::First(status) => status,
                    Look::Next(seen) => match service.changed(who, &id, &seen).await {
                        Some(status) => Box::new(status),
                        None => return Some((News::Gone, (service, Look::Over))),
                    },
                    Look::Over => return None,
                };
                let (news, next) = match status.upload.content {
                    Some(_) => (News::Complete(status), Look::Over),
                    None => (News::Progress(status.clone()), Look::Next(status)),
                };
                Some((news, (service, next)))
            }
        }))
    }

    /// The upload when it is other than was seen; `None` when it is gone.
    async fn changed(&self, who: Principal, id: &UploadId, seen: &Status) -> Option<Status> {
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                () = tokio::time::sleep(LOOK) => {}
            }
            match self.describe(who, id).await {
                Ok(status) if status != *seen => return Some(status),
                Err(UploadError::NotFound | UploadError::Expired) => return None,
                // The catalog may answer at the next look.
                Ok(_) | Err(_) => {}
            }
        }
    }
}
