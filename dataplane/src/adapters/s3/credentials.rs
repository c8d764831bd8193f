//! Credentials of the bucket: two files of a mounted Secret. They are read for every request, so
//! that a rotated Secret is used at once; a client is built anew only when they have changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, Credentials as Keys};

/// File with the access key id.
const ACCESS_KEY_ID: &str = "accessKeyId";
/// File with the secret access key.
const SECRET_ACCESS_KEY: &str = "secretAccessKey";

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("cannot read the S3 credential {name}; check the Secret of spec.storage.s3")]
    Unreadable {
        /// Name of the file.
        name: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds nothing.
    #[error("the S3 credential {0} is empty; check the Secret of spec.storage.s3")]
    Empty(&'static str),
}

/// The files and the client that was built from what they held.
pub struct Credentials {
    folder: PathBuf,
    config: Builder,
    current: Mutex<Option<(Pair, Client)>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Pair {
    id: String,
    secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Credentials in `folder` for clients that are otherwise as `config` says.
    pub fn new(folder: PathBuf, config: Builder) -> Self {
        Self {
            folder,
            config,
            current: Mutex::new(None),
        }
    }

    /// A client with what the files hold now. All share one pool of connections.
    ///
    /// # Errors
    /// When a file cannot be read or is empty.
    pub fn client(&self) -> Result<Client, CredentialsError> {
        let pair = read(&self.folder)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((known, client)) if *known == pair => Ok(client.clone()),
            _ => {
                let keys = Keys::new(&pair.id, &pair.secret, None, None, "mounted secret");
                let config = self.config.clone().credentials_provider(keys).build();
                let client = Client::from_conf(config);
                *current = Some((pair, client.clone()));
                Ok(client)
            }
        }
    }
}

fn read(folder: &Path) -> Result<Pair, CredentialsError> {
    // Kubernetes exchanges a Secret's files by one link, `..data`: through it both are of one age.
    let data = fs::canonicalize(folder.join("..data"));
    let folder = data.as_deref().unwrap_or(folder);
    Ok(Pair {
        id: line(folder, ACCESS_KEY_ID)?,
        secret: line(folder, SECRET_ACCESS_KEY)?,
    })
}

fn line(folder: &Path, name: &'static str) -> Result<String, CredentialsError> {
    let text = fs::read_to_string(folder.join(name));
    let text = text.map_err(|source| CredentialsError::Unreadable { name, source })?;
    match text.trim() {
        "" => Err(CredentialsError::Empty(name)),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, id: &str, secret: &str) {
        fs::write(folder.join(ACCESS_KEY_ID), id).unwrap();
        fs::write(folder.join(SECRET_ACCESS_KEY), secret).unwrap();
    }

    #[test]
    fn files_are_read_again_and_one_age_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(matches!(
            read(folder),
            Err(CredentialsError::Unreadable { .. })
        ));
        write(folder, "id\n", " ");
        assert!(matches!(read(folder), Err(CredentialsError::Empty(_))));
        write(folder, "id\n", "secret\n");
        assert!(read(folder).is_ok_and(|pair| pair.id == "id" && pair.secret == "secret"));
        fs::create_dir(folder.join("new")).unwrap();
        write(&folder.join("new"), "id2", "secret2");
        std::os::unix::fs::symlink("new", folder.join("..data")).unwrap();
        assert!(read(folder).is_ok_and(|pair| pair.id == "id2"));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let config = aws_sdk_s3::Config::builder();
        let credentials = Credentials::new("/nowhere".into(), config);
        assert_eq!(format!("{credentials:?}"), "Credentials { .. }");
    }
}
