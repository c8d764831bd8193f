//! Objects in an S3 bucket. Write-once is the store's `If-None-Match: *` where it has that; where
//! it has not, a look before the put narrows the window and the rest is up to keys: those of the
//! same name hold the same bytes, since a hash or a random number is part of them.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Region, SharedHttpClient};
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::sync::OnceCell;

use crate::ports::objects::{ObjectKey, Objects, ObjectsError, Put, SignedRequest};

mod credentials;
mod failure;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub mod versity;
mod write_once;

use credentials::Credentials;
use failure::{Failure, explain};
use write_once::Payload;

/// Attempts of one operation, the first included.
const ATTEMPTS: u32 = 3;
/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// Until one attempt is done; a part of an upload has 4 MiB.
const ATTEMPT: Duration = Duration::from_secs(30);
/// Until the operation is done, with every attempt.
const OPERATION: Duration = Duration::from_secs(75);

/// Which bucket, and how to reach it.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Endpoint URL; AWS's own when absent.
    pub endpoint: Option<String>,
    /// Name the bucket in the path instead of the host.
    pub force_path_style: bool,
    /// Folder with the files `accessKeyId` and `secretAccessKey`, read again when they change.
    pub credentials: PathBuf,
}

/// Objects in a bucket.
#[derive(Debug)]
pub struct S3 {
    bucket: String,
    credentials: Credentials,
    conditional: OnceCell<bool>,
}

impl S3 {
    /// A store in `bucket`. Nothing is asked of the server yet.
    pub fn new(bucket: Bucket) -> Self {
        let config = config(&bucket);
        Self {
            bucket: bucket.name,
            credentials: Credentials::new(bucket.credentials, config),
            conditional: OnceCell::new(),
        }
    }

    fn client(&self, action: &'static str, key: &ObjectKey) -> Result<Client, ObjectsError> {
        let client = self.credentials.client();
        client.map_err(|error| ObjectsError::Unavailable {
            action,
            key: key.to_string(),
            source: error.into(),
        })
    }

    async fn head_in(&self, client: &Client, key: &ObjectKey) -> Result<Option<u64>, ObjectsError> {
        let request = client.head_object().bucket(&self.bucket).key(key.as_str());
        match request.send().await {
            Ok(head) => Ok(Some(length(head.content_length()))),
            Err(error) => match Failure::of(&error) {
                Failure::Absent => Ok(None),
                _ => Err(explain("look at", key, &error)),
            },
        }
    }

    async fn fetch(
        &self,
        key: &ObjectKey,
        range: Option<&Range<u64>>,
    ) -> Result<Bytes, ObjectsError> {
        let client = self.client("read", key)?;
        let header = range.map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let request = client.get_object().bucket(&self.bucket).key(key.as_str());
        let answer = match request.set_range(header).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return Err(match (Failure::of(&error), range) {
                    (Failure::Absent, _) => ObjectsError::NotFound(key.clone()),
                    (Failure::OutsideObject, Some(range)) => outside(key, range),
                    _ => explain("read", key, &error),
                });
            }
        };
        let body = answer.body.collect().await;
        let body = body.map_err(|error| ObjectsError::Unavailable {
            action: "read",
            key: key.to_string(),
            source: error.into(),
        })?;
        Ok(body.into_bytes())
    }
}

fn config(bucket: &Bucket) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    let mut config = aws_sdk_s3::Config::builder();
    config.set_endpoint_url(bucket.endpoint.clone());
    config
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(bucket.region.clone()))
        .force_path_style(bucket.force_path_style)
        .http_client(http_client())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
}

fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

fn length(announced: Option<i64>) -> u64 {
    announced
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or_default()
}

fn outside(key: &ObjectKey, range: &Range<u64>) -> ObjectsError {
    ObjectsError::OutsideObject {
        key: key.clone(),
        start: range.start,
        end: range.end,
    }
}

fn signed(request: &PresignedRequest) -> SignedRequest {
    let headers = request.headers();
    SignedRequest {
        url: request.uri().to_owned(),
        headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
    }
}

fn presigning(key: &ObjectKey, seconds: u32) -> Result<PresigningConfig, ObjectsError> {
    let config = PresigningConfig::expires_in(Duration::from_secs(seconds.into()));
    config.map_err(|error| ObjectsError::Unavailable {
        action: "sign a request for",
        key: key.to_string(),
        source: error.into(),
    })
}

#[async_trait]
impl Objects for S3 {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<Put, ObjectsError> {
        self.put_payload(key, bytes.into()).await
    }

    async fn put_summed(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        crc32c: u32,
    ) -> Result<Put, ObjectsError> {
        let crc32c = Some(crc32c);
        self.put_payload(key, Payload { bytes, crc32c }).await
    }

    async fn copy(&self, from: &ObjectKey, to: &ObjectKey) -> Result<Put, ObjectsError> {
        const ACTION: &str = "copy";
        let client = self.client(ACTION, from)?;
        if self.head_in(&client, to).await?.is_some() {
            return Ok(Put::Existed);
        }
        // Keys have no character that a URL would write in another way.
        let source = format!("{}/{from}", self.bucket);
        let request = client.copy_object().bucket(&self.bucket);
        let request = request.key(to.as_str()).copy_source(source);
        match request.send().await {
            Ok(_) => Ok(Put::Created),
            Err(error) if Failure::of(&error) == Failure::Absent => {
                Err(ObjectsError::NotFound(from.clone()))
            }
            Err(error) => Err(explain(ACTION, from, &error)),
        }
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, ObjectsError> {
        self.fetch(key, None).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, ObjectsError> {
        if range.start >= range.end {
            let length = self.head(key).await?;
            let length = length.ok_or_else(|| ObjectsError::NotFound(key.clone()))?;
            let inside = range.start == range.end && range.end <= length;
            return inside.then(Bytes::new).ok_or_else(|| outside(key, &range));
        }
        let bytes = self.fetch(key, Some(&range)).await?;
        // S3 answers with what there is when a range runs past the end.
        if bytes.len() as u64 == range.end - range.start {
            Ok(bytes)
        } else {
            Err(outside(key, &range))
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<u64>, ObjectsError> {
        self.head_in(&self.client("look at", key)?, key).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectsError> {
        let client = self.client("delete", key)?;
        let request = client.delete_object().bucket(&self.bucket);
        match request.key(key.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if Failure::of(&error) == Failure::Absent => Ok(()),
            Err(error) => Err(explain("delete", key, &error)),
        }
    }

    async fn list(&self, prefix: &ObjectKey) -> Result<Vec<ObjectKey>, ObjectsError> {
        let client = self.client("list", prefix)?;
        let request = client.list_objects_v2().bucket(&self.bucket);
        let mut pages = request.prefix(format!("{prefix}/")).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| explain("list", prefix, &error))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            // Keys we could not have written are not ours.
            found.extend(keys.filter_map(|key| ObjectKey::parse(key).ok()));
        }
        found.sort();
        Ok(found)
    }

    async fn sign_get(
        &self,
        key: &ObjectKey,
        seconds: u32,
    ) -> Result<Option<SignedRequest>, ObjectsError> {
        let client = self.client("sign a request for", key)?;
        let request = client.get_object().bucket(&self.bucket).key(key.as_str());
        let request = request.presigned(presigning(key, seconds)?).await;
        let request = request.map_err(|error| explain("sign a request for", key, &error))?;
        Ok(Some(signed(&request)))
    }

    async fn sign_put(
        &self,
        key: &ObjectKey,
        bytes: u64,
        sha256: &str,
        seconds: u32,
    ) -> Result<Option<SignedRequest>, ObjectsError> {
        const ACTION: &str = "sign a request for";
        let invalid = |source: crate::ports::Source| ObjectsError::Unavailable {
            action: ACTION,
            key: key.to_string(),
            source,
        };
        let hash = hex::decode(sha256).map_err(|error| invalid(error.into()))?;
        let bytes = i64::try_from(bytes).map_err(|error| invalid(error.into()))?;
        let client = self.client(ACTION, key)?;
        let once = self.conditional(&client, key).await?;
        let request = client.put_object().bucket(&self.bucket).key(key.as_str());
        let request = request
            .content_length(bytes)
            .checksum_sha256(STANDARD.encode(hash))
            .set_if_none_match(once.then(|| "*".to_owned()))
            .presigned(presigning(key, seconds)?)
            .await
            .map_err(|error| explain(ACTION, key, &error))?;
        Ok(Some(signed(&request)))
    }
}
