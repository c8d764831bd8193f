//! What is kept of the library against the catalog: nobody of any replica is told what was before.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use streamgate_contract::CategoryId;

use super::*;
use crate::adapters::moka_cache::Families;
use crate::adapters::postgres::PostgresCatalog;
use crate::adapters::postgres::server::Server;
use crate::adapters::sqlite::Sqlite3Catalog;
use crate::ports::catalog::changes::News;
use crate::ports::catalog::library::{About, Viewer};
use crate::ports::catalog::reads::Direct;
use crate::ports::catalog::{Catalog, ContentState, suite};
use crate::ports::clock::UnixSeconds;

fn families() -> Families {
    Families::new(&prometheus::Registry::new()).unwrap()
}

/// A catalog that counts what is read of it and can be away.
struct Watched {
    catalog: Arc<dyn Catalog>,
    reads: AtomicU32,
    away: AtomicBool,
    /// More was changed than is told.
    flood: AtomicBool,
}

impl Watched {
    fn of(catalog: Arc<dyn Catalog>) -> Arc<Self> {
        Arc::new(Self {
            catalog,
            reads: AtomicU32::new(0),
            away: AtomicBool::new(false),
            flood: AtomicBool::new(false),
        })
    }

    fn read(&self) -> Result<Direct, CatalogError> {
        self.here()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(Direct(self.catalog.clone()))
    }

    fn here(&self) -> Result<(), CatalogError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(CatalogError::Unavailable {
                action: "answer",
                source: "it is away".into(),
            }),
            false => Ok(()),
        }
    }

    fn reads(&self) -> u32 {
        self.reads.swap(0, Ordering::SeqCst)
    }

    fn kept(self: &Arc<Self>) -> KeptLibrary {
        KeptLibrary::new(self.clone(), self.clone(), families().of("test"))
    }
}

#[async_trait]
impl Reads for Watched {
    async fn entry(&self, id: &ContentId) -> Result<Option<Arc<Entry>>, CatalogError> {
        self.read()?.entry(id).await
    }

    async fn page(&self, page: &Page) -> Result<Arc<Vec<Found>>, CatalogError> {
        self.read()?.page(page).await
    }

    async fn categories(&self) -> Result<Arc<Vec<Category>>, CatalogError> {
        self.read()?.categories().await
    }
}

#[async_trait]
impl Changes for Watched {
    async fn changed_since(&self, since: Option<i64>) -> Result<News, CatalogError> {
        self.here()?;
        let mut news = self.catalog.changed_since(since).await?;
        news.changes = news.changes.filter(|_| !self.flood.load(Ordering::SeqCst));
        Ok(news)
    }

    async fn forget_changes(&self, before: UnixSeconds) -> Result<(), CatalogError> {
        self.catalog.forget_changes(before).await
    }
}

async fn sqlite() -> (tempfile::TempDir, Arc<dyn Catalog>) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Sqlite3Catalog::open(&folder.path().join("catalog.db")).await;
    (folder, Arc::new(catalog.unwrap()))
}

fn id(n: usize) -> ContentId {
    format!("c{n}").parse().unwrap()
}

async fn add(catalog: &dyn Catalog, n: usize) {
    let entry = Entry::new(suite::content(id(n).as_str()), About::default());
    catalog.add_entry(&entry, None).await.unwrap();
}

/// Changes a content somehow; false when it is not there.
async fn rename(catalog: &dyn Catalog, n: usize, title: &str) -> bool {
    let Ok(before) = catalog.entry(&id(n)).await else {
        return false;
    };
    let mut after = before.clone();
    after.content.title = title.to_owned();
    catalog.change_entry(&before, &after).await.unwrap()
}

#[tokio::test]
async fn what_was_read_is_kept_until_a_change_ends_it() {
    let (_folder, catalog) = sqlite().await;
    let source = Watched::of(catalog.clone());
    let kept = source.kept();
    add(&*catalog, 1).await;
    add(&*catalog, 2).await;
    let page = Page::newest(9);
    let ask = async || {
        let one = kept.entry(&id(1)).await.unwrap();
        let two = kept.entry(&id(2)).await.unwrap();
        let nobody = kept.entry(&id(3)).await.unwrap();
        assert!(two.is_some() && nobody.is_none());
        let listed = kept.page(&page).await.unwrap().len();
        kept.categories().await.unwrap();
        (one.map(|one| one.content.title.clone()), listed)
    };
    let first = ask().await;
    assert_eq!(source.reads(), 5);
    assert_eq!(ask().await, first);
    assert_eq!(source.reads(), 0, "that there is none is kept, too");
    rename(&*catalog, 1, "Renamed").await;
    assert_eq!(ask().await.0.as_deref(), Some("Renamed"));
    assert_eq!(
        source.reads(),
        2,
        "the entry and the list, and nothing else"
    );
    let shelf = Category {
        id: "sea".parse().unwrap(),
        title: "Sea".into(),
    };
    catalog.put_category(&shelf).await.unwrap();
    assert_eq!(kept.categories().await.unwrap().len(), 1);
    ask().await;
    assert_eq!(source.reads(), 1, "the categories alone");
    add(&*catalog, 3).await;
    assert!(
        kept.entry(&id(3)).await.unwrap().is_some(),
        "it is there now"
    );
}

#[tokio::test]
async fn while_the_catalog_is_away_what_is_kept_is_told_and_nothing_else() {
    let (_folder, catalog) = sqlite().await;
    let source = Watched::of(catalog.clone());
    add(&*catalog, 1).await;
    let (kept, strange) = (source.kept(), source.kept());
    assert!(kept.entry(&id(1)).await.unwrap().is_some());
    source.away.store(true, Ordering::SeqCst);
    assert!(kept.entry(&id(1)).await.unwrap().is_some());
    assert!(kept.entry(&id(2)).await.is_err(), "it was never read");
    assert!(strange.entry(&id(1)).await.is_err(), "nobody ever looked");
    source.away.store(false, Ordering::SeqCst);
    rename(&*catalog, 1, "Meanwhile").await;
    let after = kept.entry(&id(1)).await.unwrap().unwrap();
    assert_eq!(after.content.title, "Meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_ask_at_once_cost_one_read() {
    let (_folder, catalog) = sqlite().await;
    let source = Watched::of(catalog.clone());
    let kept = Arc::new(source.kept());
    add(&*catalog, 1).await;
    let ask = |_| {
        let kept = kept.clone();
        tokio::spawn(async move { kept.entry(&id(1)).await.unwrap().is_some() })
    };
    for asked in (0..500).map(ask).collect::<Vec<_>>() {
        assert!(asked.await.unwrap());
    }
    assert_eq!(source.reads(), 1);
}

#[tokio::test]
async fn more_changes_than_are_told_end_everything() {
    let (_folder, catalog) = sqlite().await;
    let source = Watched::of(catalog.clone());
    let kept = source.kept();
    for n in 0..3 {
        add(&*catalog, n).await;
    }
    for n in 0..3 {
        kept.entry(&id(n)).await.unwrap();
    }
    assert_eq!(source.reads(), 3);
    source.flood.store(true, Ordering::SeqCst);
    kept.entry(&id(0)).await.unwrap();
    source.flood.store(false, Ordering::SeqCst);
    for n in 0..3 {
        kept.entry(&id(n)).await.unwrap();
    }
    assert_eq!(source.reads(), 3, "each anew, and each once");
}

/// One modification of the library.
async fn modify(catalog: &dyn Catalog, random: &mut StdRng) {
    let n = random.random_range(0..6);
    let shelves: [CategoryId; 2] = ["sea", "land"].map(|id| id.parse().unwrap());
    let shelf = shelves.choose(random).unwrap().clone();
    let before = catalog.entry(&id(n)).await;
    match (random.random_range(0..8), before) {
        (_, Err(_)) => add(catalog, n).await,
        (0, Ok(before)) => {
            let removed = catalog.remove_content(&id(n), before.version, 0).await;
            assert!(removed.unwrap());
        }
        (1, _) => {
            let title = format!("Shelf {}", random.random::<u16>());
            let put = Category { id: shelf, title };
            catalog.put_category(&put).await.unwrap();
        }
        // There may be none of this name.
        (2, _) => drop(catalog.remove_category(&shelf).await),
        (3, Ok(before)) => {
            let mut after = before.clone();
            after.content.state = match before.content.state {
                ContentState::Withdrawn => ContentState::Processing,
                _ => ContentState::Withdrawn,
            };
            assert!(catalog.change_entry(&before, &after).await.unwrap());
        }
        (4, Ok(before)) => {
            let mut after = before.clone();
            after.about.categories = vec![shelf];
            // A category that is not there refuses the change.
            drop(catalog.change_entry(&before, &after).await);
        }
        (_, Ok(_)) => {
            let title = format!("Title {}", random.random::<u16>());
            assert!(rename(catalog, n, &title).await);
        }
    }
}

/// Everything that can be asked, as two sources tell it.
async fn same(kept: &dyn Reads, truth: &dyn Reads) {
    for n in 0..6 {
        let (told, true_one) = (kept.entry(&id(n)).await, truth.entry(&id(n)).await);
        assert_eq!(told.unwrap(), true_one.unwrap(), "content {n}");
    }
    let of = |viewer, category: Option<&str>| Page {
        viewer,
        category: category.map(|id| id.parse().unwrap()),
        ..Page::newest(4)
    };
    for page in [
        of(Viewer::Admin, None),
        of(Viewer::Anybody, None),
        of(Viewer::Admin, Some("sea")),
        of(Viewer::Wallet("0xa".into()), Some("land")),
    ] {
        let (told, true_one) = (kept.page(&page).await, truth.page(&page).await);
        assert_eq!(told.unwrap(), true_one.unwrap(), "{page:?}");
    }
    let (told, true_one) = (kept.categories().await, truth.categories().await);
    assert_eq!(told.unwrap(), true_one.unwrap());
}

/// Any modifications by any replica: after each, what every replica tells is what is so.
async fn holds_to_the_model(replicas: &[Arc<dyn Catalog>], steps: usize) {
    let mut random = StdRng::seed_from_u64(4);
    let truth = Direct(replicas[0].clone());
    let kept = |catalog: &Arc<dyn Catalog>| Watched::of(catalog.clone()).kept();
    let kept: Vec<_> = replicas.iter().map(kept).collect();
    for _ in 0..steps {
        let writer = replicas.choose(&mut random).unwrap();
        for _ in 0..random.random_range(0..3) {
            modify(&**writer, &mut random).await;
        }
        // Not every replica is asked after each: it catches up later.
        for kept in kept
            .iter()
            .filter(|_| random.random_bool(0.7))
            .collect::<Vec<_>>()
        {
            same(kept, &truth).await;
        }
    }
}

/// Writers and readers at once: what somebody is told is no older than what was committed before they
/// asked.
async fn is_never_behind(replicas: &[Arc<dyn Catalog>], for_each: usize) {
    const CONTENTS: usize = 4;
    for n in 10..10 + CONTENTS {
        add(&*replicas[0], n).await;
    }
    let committed: Arc<Vec<AtomicU64>> =
        Arc::new((0..CONTENTS).map(|_| AtomicU64::new(1)).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for catalog in replicas.iter().cycle().take(8) {
        let kept = Watched::of(catalog.clone()).kept();
        let (committed, stop) = (committed.clone(), stop.clone());
        readers.push(tokio::spawn(async move {
            let mut asked = 0;
            while !stop.load(Ordering::SeqCst) {
                let n = asked % CONTENTS;
                let floor = committed[n].load(Ordering::SeqCst);
                let told = kept.entry(&id(10 + n)).await.unwrap().unwrap();
                assert!(told.version >= floor, "{} < {floor}", told.version);
                asked += 1;
            }
            asked
        }));
    }
    let writers: Vec<_> = (0..CONTENTS)
        .map(|n| {
            let catalog = replicas[n % replicas.len()].clone();
            let committed = committed.clone();
            tokio::spawn(async move {
                for round in 0..for_each {
                    assert!(rename(&*catalog, 10 + n, &format!("Round {round}")).await);
                    committed[n].fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_of_any_replica_is_told_what_was_before_on_sqlite() {
    let (_folder, catalog) = sqlite().await;
    let replicas = [catalog.clone(), catalog];
    holds_to_the_model(&replicas, 200).await;
    is_never_behind(&replicas, 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_of_any_replica_is_told_what_was_before_on_postgres() {
    let server = Server::start().await;
    let mut replicas: Vec<Arc<dyn Catalog>> = Vec::new();
    for _ in 0..2 {
        let catalog = PostgresCatalog::open_with(&server.url(), 8).await;
        replicas.push(Arc::new(catalog.unwrap()));
    }
    holds_to_the_model(&replicas, 150).await;
    is_never_behind(&replicas, 60).await;
}
