//! The log of changes: every modification of the library is told, once it is committed.

use std::collections::BTreeSet;

use super::content;
use crate::ports::catalog::Catalog;
use crate::ports::catalog::changes::{CATEGORIES, Change};
use crate::ports::catalog::library::{About, Category, Entry};

/// Looks from where the last look ended.
struct Looker<'a> {
    catalog: &'a dyn Catalog,
    until: i64,
    told: BTreeSet<i64>,
}

impl Looker<'_> {
    /// Tags of what was not told before.
    async fn tags(&mut self) -> Vec<String> {
        let news = self.catalog.changed_since(Some(self.until)).await.unwrap();
        assert!(news.until >= self.until, "looks go forward");
        self.until = news.until;
        let mut changes: Vec<Change> = news.changes.unwrap();
        changes.retain(|change| self.told.insert(change.place));
        let tags: BTreeSet<String> = changes.into_iter().map(|change| change.tag).collect();
        tags.into_iter().collect()
    }
}

pub async fn run(catalog: &dyn Catalog) {
    let begin = catalog.changed_since(None).await.unwrap();
    assert_eq!(
        begin.changes,
        Some(Vec::new()),
        "a first look tells nothing"
    );
    let mut looker = Looker {
        catalog,
        until: begin.until,
        told: BTreeSet::new(),
    };
    assert!(looker.tags().await.is_empty());
    let entry = Entry::new(content("log-1"), About::default());
    catalog.add_entry(&entry, None).await.unwrap();
    catalog.create_content(&content("log-2")).await.unwrap();
    assert_eq!(looker.tags().await, ["content:log-1", "content:log-2"]);
    assert!(looker.tags().await.is_empty(), "each is new once");

    let shelf = Category {
        id: "log-shelf".parse().unwrap(),
        title: "Shelf".into(),
    };
    catalog.put_category(&shelf).await.unwrap();
    assert_eq!(looker.tags().await, [CATEGORIES]);
    let before = catalog.entry(&entry.content.id).await.unwrap();
    let mut after = before.clone();
    after.about.categories = vec![shelf.id.clone()];
    assert!(catalog.change_entry(&before, &after).await.unwrap());
    assert_eq!(looker.tags().await, ["content:log-1"]);
    catalog.remove_category(&shelf.id).await.unwrap();
    assert_eq!(looker.tags().await, [CATEGORIES, "content:log-1"]);

    let stale = catalog.change_entry(&before, &after).await.unwrap();
    assert!(
        !stale && looker.tags().await.is_empty(),
        "nothing was changed"
    );
    let version = catalog.entry(&entry.content.id).await.unwrap().version;
    let removed = catalog.remove_content(&entry.content.id, version, 0).await;
    assert!(removed.unwrap());
    assert_eq!(looker.tags().await, ["content:log-1"]);
    catalog.forget_changes(i64::MAX).await.unwrap();
    assert!(looker.tags().await.is_empty());
    catalog.create_content(&content("log-3")).await.unwrap();
    assert_eq!(looker.tags().await, ["content:log-3"]);
}
