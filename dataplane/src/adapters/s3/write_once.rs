//! Writing an object only where there is none.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::S3;
use super::failure::{Failure, explain};
use crate::ports::objects::{ObjectKey, ObjectsError, Put};

/// Object that tells whether the server honours the condition.
const PROBE: &str = "probe/write-once";
/// Tries of a put that meets another one of the same key.
const TRIES: usize = 5;

/// Bytes of an object, and their CRC-32C when somebody has computed it.
#[derive(Clone)]
pub(super) struct Payload {
    pub bytes: Bytes,
    pub crc32c: Option<u32>,
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        let crc32c = None;
        Self { bytes, crc32c }
    }
}

impl S3 {
    pub(super) async fn put_payload(
        &self,
        key: &ObjectKey,
        payload: Payload,
    ) -> Result<Put, ObjectsError> {
        let client = self.client("write", key)?;
        match self.conditional(&client, key).await? {
            true => self.put_once(&client, key, payload).await,
            false => self.look_and_put(&client, key, payload).await,
        }
    }

    /// Does the server honour `If-None-Match: *`? Asked once: some refuse it, some ignore it.
    pub(super) async fn conditional(
        &self,
        client: &Client,
        key: &ObjectKey,
    ) -> Result<bool, ObjectsError> {
        let honoured = self.conditional.get_or_try_init(|| self.probe(client));
        let error = match honoured.await {
            Ok(honoured) => return Ok(*honoured),
            Err(error) => error,
        };
        Err(explain("write", key, &error))
    }

    async fn probe(&self, client: &Client) -> Result<bool, SdkError<PutObjectError>> {
        // The first may find the object of an earlier start; the second must find it.
        for _ in 0..2 {
            match self.send(client, PROBE, Bytes::new().into(), true).await {
                Ok(()) => {}
                Err(error) => match Failure::of(&error) {
                    Failure::Exists => return Ok(true),
                    Failure::Contended => return Ok(true),
                    Failure::Unsupported => break,
                    _ => return Err(error),
                },
            }
        }
        tracing::warn!("the S3 server has no conditional writes; it is asked before each put");
        Ok(false)
    }

    pub(super) async fn put_once(
        &self,
        client: &Client,
        key: &ObjectKey,
        payload: Payload,
    ) -> Result<Put, ObjectsError> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let sent = self.send(client, key.as_str(), payload.clone(), true).await;
            let Err(error) = sent else {
                return Ok(Put::Created);
            };
            match Failure::of(&error) {
                Failure::Exists => return Ok(Put::Existed),
                // Whoever is first there may still fail: try until one of us is done.
                Failure::Contended if tries > 0 => continue,
                _ => return Err(explain("write", key, &error)),
            }
        }
    }

    /// For servers without the condition: two puts at the same time can both be `Created`.
    pub(super) async fn look_and_put(
        &self,
        client: &Client,
        key: &ObjectKey,
        payload: Payload,
    ) -> Result<Put, ObjectsError> {
        if self.head_in(client, key).await?.is_some() {
            return Ok(Put::Existed);
        }
        let sent = self.send(client, key.as_str(), payload, false).await;
        sent.map_err(|error| explain("write", key, &error))?;
        Ok(Put::Created)
    }

    async fn send(
        &self,
        client: &Client,
        key: &str,
        payload: Payload,
        once: bool,
    ) -> Result<(), SdkError<PutObjectError>> {
        let request = client.put_object().bucket(&self.bucket).key(key);
        let request = request
            .set_if_none_match(once.then(|| "*".to_owned()))
            .body(payload.bytes.into());
        match payload.crc32c {
            // The server checks the bytes against a header that is signed: a hash of them for the
            // signature would find no fault that this does not.
            Some(crc32c) => {
                let request = request.checksum_crc32_c(STANDARD.encode(crc32c.to_be_bytes()));
                let unsigned = request.customize().disable_payload_signing();
                unsigned.send().await.map(drop)
            }
            None => request.send().await.map(drop),
        }
    }
}
