//! Connections cut at random bytes, a server killed at random moments: the stored bytes are exact,
//! and each upload becomes one content with one entry in the outbox. `SEED=…` repeats a run.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use sha2::{Digest, Sha256};
use streamgate_dataplane::ports::catalog::library::{Library, Page};
use streamgate_dataplane::ports::catalog::{Upload, Uploads};
use streamgate_dataplane::ports::objects::ObjectKey;

use crate::client::Tus;
use crate::server::{Place, Server};
use crate::versity::Versity;

const CUTS: usize = 100;
const KILLS: usize = 20;
const BYTES: usize = 40 << 20;

struct Run {
    place: Place,
    tus: Tus,
    random: StdRng,
    bytes: Vec<u8>,
    /// Bytes that had to be sent again.
    resent: usize,
    /// Offset up to which bytes of the present upload were sent.
    furthest: usize,
    /// Paths of the uploads.
    uploads: Vec<String>,
}

impl Run {
    fn new(place: Place, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = vec![0; BYTES];
        random.fill_bytes(&mut bytes);
        // What comes first is looked at.
        bytes[..8].copy_from_slice(b"\0\0\0\x18ftyp");
        Self {
            tus: Tus::new(place.address()),
            place,
            random,
            bytes,
            resent: 0,
            furthest: 0,
            uploads: Vec::new(),
        }
    }

    async fn begin(&mut self) -> String {
        let path = self.tus.create(BYTES).await;
        self.uploads.push(path.clone());
        self.furthest = 0;
        path
    }

    /// Where the upload stands after `sent` bytes were sent from `offset` on. A request whose
    /// connection is cut already may still be read: what it brought counts, too.
    async fn standing(&mut self, path: &str, offset: usize, sent: usize) -> usize {
        self.furthest = self.furthest.max(offset + sent);
        let standing = self.tus.offset(path).await;
        assert!((offset..=self.furthest).contains(&standing), "{standing}");
        self.resent += (offset + sent).saturating_sub(standing);
        standing
    }

    /// Sends the rest, as often as requests from before the cut come between.
    async fn complete(&mut self, path: &str) {
        for _ in 0..10 {
            let offset = self.tus.offset(path).await;
            let rest = &self.bytes[offset..];
            if rest.is_empty() || self.tus.patch(path, offset, rest).await == "204" {
                return;
            }
        }
        panic!("the upload does not get on");
    }

    /// One upload whose connection breaks again and again, then goes through. Returns how many
    /// bytes had to be sent again because a connection was closed, and because one was reset.
    async fn cut(&mut self) -> [usize; 2] {
        let path = self.begin().await;
        let mut offset = 0;
        let mut resent = [0; 2];
        for _ in 0..CUTS {
            let most = 2 * BYTES / CUTS;
            let rest = &self.bytes[offset..];
            let stop = self.random.random_range(0..most);
            let (stream, sent) = self.tus.patch_in_part(&path, offset, rest, stop).await;
            // Half end with a reset that throws away what the network still holds.
            let reset = self.random.random_bool(0.5);
            if reset {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            offset = self.standing(&path, offset, sent).await;
            resent[usize::from(reset)] += std::mem::take(&mut self.resent);
        }
        self.complete(&path).await;
        resent
    }

    /// Uploads until the server has been killed often enough, then to the end.
    async fn kill(&mut self, mut server: Server) -> Server {
        let mut path = self.begin().await;
        let mut offset = 0;
        for _ in 0..KILLS {
            let rest = &self.bytes[offset..];
            let stop = self.random.random_range(0..24 << 20);
            let (stream, sent) = self.tus.patch_in_part(&path, offset, rest, stop).await;
            let pause = self.random.random_range(0..40);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            server.kill();
            drop(stream);
            server = Server::start(&self.place).await;
            offset = self.standing(&path, offset, sent).await;
            if offset == BYTES {
                path = self.begin().await;
                offset = 0;
            }
        }
        self.complete(&path).await;
        server
    }

    async fn upload(&self, path: &str) -> Upload {
        let id = path.rsplit('/').next().unwrap().parse().unwrap();
        self.place.catalog().await.upload(&id).await.unwrap()
    }

    async fn check(&self) {
        let store = self.place.store();
        let wanted = Sha256::digest(&self.bytes);
        let mut parts = Vec::new();
        for path in &self.uploads {
            let upload = self.upload(path).await;
            assert!(upload.content.is_some());
            let mut hash = Sha256::new();
            for key in upload.part_keys() {
                let key = ObjectKey::parse(key).unwrap();
                hash.update(store.get(&key).await.unwrap());
                parts.push(key);
            }
            assert_eq!(hash.finalize(), wanted, "{path}");
        }
        parts.sort();
        let prefix = ObjectKey::parse("uploads").unwrap();
        assert_eq!(store.list(&prefix).await.unwrap(), parts, "strays");
        let catalog = self.place.catalog().await;
        let contents = catalog.page(&Page::newest(200)).await.unwrap();
        assert_eq!(contents.len(), self.uploads.len());
        let outbox = catalog.outbox(1_000).await.unwrap();
        assert_eq!(outbox.len(), self.uploads.len());
    }
}

async fn survive(name: &str, s3: Option<&Versity>) {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("store={name} seed={seed}");
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path(), s3);
    let server = Server::start(&place).await;
    let mut run = Run::new(place, seed);
    let started = Instant::now();
    let [by_closes, by_resets] = run.cut().await;
    let server = run.kill(server).await;
    let seconds = started.elapsed().as_secs_f64();
    // A kill between completion and its tidying leaves strays to the sweep of the next start.
    drop(server);
    let _server = Server::start(&run.place).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    run.check().await;
    println!(
        "store={name} cuts={CUTS} kills={KILLS} uploads={n} contents={n} outbox={n} hashes=exact \
         strays=0 bytes={bytes} resent-by-closes={by_closes} \
         resent-by-resets={by_resets} resent-by-kills={by_kills} \
         seconds={seconds:.1} seed={seed}",
        n = run.uploads.len(),
        bytes = run.uploads.len() * BYTES,
        by_kills = run.resent,
    );
}

#[tokio::test]
async fn uploads_into_a_folder_survive_cuts_and_kills() {
    survive("filesystem", None).await;
}

#[tokio::test]
async fn uploads_into_s3_survive_cuts_and_kills() {
    let s3 = Versity::start().await;
    survive("s3", Some(&s3)).await;
}
