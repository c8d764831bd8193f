//! What every library must do, and every count of what was watched.

use super::{content, output, segment, upload};
use crate::ports::catalog::library::{About, Category, Entry, Page, Viewer};
use crate::ports::catalog::plays::{Day, Tally, Watched};
use crate::ports::catalog::uploads::Place;
use crate::ports::catalog::{Catalog, CatalogError, ContentState};

pub async fn run(catalog: &dyn Catalog) {
    entries_are_added_once_and_dated(catalog).await;
    lists_show_what_their_viewer_may_see(catalog).await;
    words_are_found_by_their_beginnings(catalog).await;
    categories_are_bound_and_removed(catalog).await;
    a_removed_content_leaves_nothing_but_its_name(catalog).await;
    plays_are_summed_by_content_and_day(catalog).await;
}

fn entry(id: &str, title: &str, state: ContentState) -> Entry {
    let mut content = content(id);
    content.title = title.into();
    content.state = state;
    content.owner = "0xlib".into();
    Entry::new(content, About::default())
}

async fn entries_are_added_once_and_dated(catalog: &dyn Catalog) {
    let mut new = entry("lib-1", "Great Whales", ContentState::Processing);
    new.about.description = "Blue; humpback.\nBy example.org".into();
    new.about.contact = Some("a@example.org".into());
    assert!(catalog.add_entry(&new, Some("asked")).await.unwrap());
    assert!(!catalog.add_entry(&new, Some("again")).await.unwrap());
    let id = &new.content.id;
    assert_eq!(
        catalog.request_of(id).await.unwrap().as_deref(),
        Some("asked")
    );
    let stored = catalog.entry(id).await.unwrap();
    assert!(stored.created_at > 1_700_000_000 && stored.updated_at >= stored.created_at);
    assert_eq!((&stored.content, &stored.about), (&new.content, &new.about));
    let mut after = stored.clone();
    after.about.description = "Only blue ones".into();
    assert!(catalog.change_entry(&stored, &after).await.unwrap());
    let changed = catalog.entry(id).await.unwrap();
    assert!(changed.version > stored.version);
    assert_eq!(changed.about, after.about);
    assert!(
        !catalog.change_entry(&stored, &after).await.unwrap(),
        "stale"
    );
}

async fn lists_show_what_their_viewer_may_see(catalog: &dyn Catalog) {
    for (id, state) in [
        ("lib-2", ContentState::Published),
        ("lib-3", ContentState::Withdrawn),
        ("lib-4", ContentState::Published),
    ] {
        let new = entry(id, "Whales at night", state);
        assert!(catalog.add_entry(&new, None).await.unwrap());
    }
    let list = async |viewer: Viewer, before, limit| {
        let mut page = Page::newest(limit);
        (page.viewer, page.before, page.owner) = (viewer, before, Some("0xlib".into()));
        let found = catalog.page(&page).await.unwrap();
        let id = |found: &crate::ports::catalog::library::Found| found.entry.content.id.to_string();
        (
            found.iter().map(id).collect::<Vec<_>>(),
            found.last().map(|f| f.place),
        )
    };
    let everything = ["lib-4", "lib-3", "lib-2", "lib-1"];
    assert_eq!(list(Viewer::Admin, None, 9).await.0, everything);
    assert_eq!(
        list(Viewer::Wallet("0xlib".into()), None, 9).await.0,
        everything
    );
    for viewer in [Viewer::Anybody, Viewer::Wallet("0xother".into())] {
        assert_eq!(list(viewer, None, 9).await.0, ["lib-4", "lib-2"]);
    }
    let (first, place) = list(Viewer::Admin, None, 2).await;
    assert_eq!(first, everything[..2]);
    assert_eq!(list(Viewer::Admin, place, 2).await.0, everything[2..]);
    let mut page = Page::newest(9);
    (page.owner, page.state) = (Some("0xlib".into()), Some(ContentState::Withdrawn));
    assert_eq!(catalog.page(&page).await.unwrap().len(), 1);
}

async fn search(catalog: &dyn Catalog, words: &[&str], viewer: &Viewer) -> Vec<String> {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let found = catalog.matching(&words, viewer, None).await.unwrap();
    found
        .iter()
        .map(|f| f.entry.content.id.to_string())
        .collect()
}

async fn words_are_found_by_their_beginnings(catalog: &dyn Catalog) {
    let everything = ["lib-4", "lib-3", "lib-2", "lib-1"];
    let admin = Viewer::Admin;
    assert_eq!(search(catalog, &["whal"], &admin).await, everything);
    assert_eq!(
        search(catalog, &["whales", "ni"], &admin).await,
        everything[..3]
    );
    assert_eq!(
        search(catalog, &["whale"], &Viewer::Anybody).await,
        ["lib-4", "lib-2"]
    );
    assert_eq!(search(catalog, &["blue"], &admin).await, ["lib-1"]);
    for gone in [
        &["humpback"][..],
        &["hales"],
        &["whales", "nothing"],
        &["org"],
    ] {
        assert!(search(catalog, gone, &admin).await.is_empty(), "{gone:?}");
    }
    let found = catalog
        .matching(&["whales".into()], &admin, None)
        .await
        .unwrap();
    let older = catalog
        .matching(&["whales".into()], &admin, Some(found[1].place))
        .await
        .unwrap();
    assert_eq!(older, found[1..]);
}

async fn categories_are_bound_and_removed(catalog: &dyn Catalog) {
    for (id, title, new) in [
        ("nature", "Nature", true),
        ("sea", "Sea", true),
        ("sea", "The sea", false),
    ] {
        let category = Category {
            id: id.parse().unwrap(),
            title: title.into(),
        };
        assert_eq!(catalog.put_category(&category).await.unwrap(), new);
    }
    let before = catalog.entry(&"lib-2".parse().unwrap()).await.unwrap();
    let mut after = before.clone();
    after.about.categories = vec!["nature".parse().unwrap(), "none".parse().unwrap()];
    let refused = catalog.change_entry(&before, &after).await;
    assert!(matches!(
        refused,
        Err(CatalogError::NotFound {
            kind: "category",
            ..
        })
    ));
    after.about.categories = vec!["nature".parse().unwrap(), "sea".parse().unwrap()];
    assert!(catalog.change_entry(&before, &after).await.unwrap());
    let mut page = Page::newest(9);
    page.category = Some("sea".parse().unwrap());
    let listed = catalog.page(&page).await.unwrap();
    assert_eq!((listed.len(), &listed[0].entry.about), (1, &after.about));
    let bound = catalog.entry(&before.content.id).await.unwrap();
    catalog
        .remove_category(&"sea".parse().unwrap())
        .await
        .unwrap();
    let left = catalog.entry(&before.content.id).await.unwrap();
    assert!(left.version > bound.version, "it is another version now");
    assert_eq!(left.about.categories, after.about.categories[..1]);
    let again = catalog.remove_category(&"sea".parse().unwrap()).await;
    assert!(matches!(again, Err(CatalogError::NotFound { .. })));
    let titles: Vec<String> = catalog
        .categories()
        .await
        .unwrap()
        .into_iter()
        .map(|c| c.title)
        .collect();
    assert_eq!(titles, ["Nature"]);
}

async fn a_removed_content_leaves_nothing_but_its_name(catalog: &dyn Catalog) {
    let gone = entry("lib-gone", "Ephemeral", ContentState::Processing);
    let mut sent = upload("lib-upload");
    sent.length = Some(1);
    catalog.create_upload(&sent).await.unwrap();
    let place = Place {
        turn: 0,
        number: 0,
        replaces: None,
    };
    let part = super::part("lib/0", 1);
    catalog.add_parts(&sent.id, &place, &[part]).await.unwrap();
    catalog
        .complete_upload(&sent.id, &gone.content)
        .await
        .unwrap();
    let id = &gone.content.id;
    catalog
        .plan_output(&output("lib-o", id.as_str(), "lib-job"))
        .await
        .unwrap();
    catalog
        .commit(&"lib-o".parse().unwrap(), &segment("v720", None, "a"))
        .await
        .unwrap();
    let (stored, epoch) = (
        catalog.entry(id).await.unwrap(),
        catalog.epoch().await.unwrap(),
    );
    assert!(
        !catalog
            .remove_content(id, stored.version + 1, 50)
            .await
            .unwrap()
    );
    assert!(
        catalog
            .remove_content(id, stored.version, 50)
            .await
            .unwrap()
    );
    assert!(
        !catalog
            .remove_content(id, stored.version, 51)
            .await
            .unwrap()
    );
    assert!(catalog.epoch().await.unwrap() > epoch);
    assert!(matches!(
        catalog.entry(id).await,
        Err(CatalogError::NotFound { .. })
    ));
    assert!(matches!(
        catalog.upload(&sent.id).await,
        Err(CatalogError::NotFound { .. })
    ));
    assert!(catalog.outbox(10).await.unwrap().is_empty());
    assert!(
        search(catalog, &["ephemeral"], &Viewer::Admin)
            .await
            .is_empty()
    );
    let orphan = catalog
        .plan_output(&output("lib-o2", id.as_str(), "lib-job-2"))
        .await;
    assert!(matches!(orphan, Err(CatalogError::NotFound { .. })));
    assert!(catalog.removed(49).await.unwrap().is_empty());
    let removed = catalog.removed(50).await.unwrap();
    assert_eq!((removed.len(), &removed[0].content), (1, id));
    catalog.forget_removed(&removed[0]).await.unwrap();
    assert!(catalog.removed(50).await.unwrap().is_empty());
}

async fn plays_are_summed_by_content_and_day(catalog: &dyn Catalog) {
    let watched = |id: &str, starts| Watched {
        content: id.parse().unwrap(),
        tally: Tally {
            starts,
            seconds: 10 * starts,
        },
    };
    let today = Day::of(1_700_000_000);
    for (day, plays) in [
        (today.before(9), vec![watched("lib-2", 7)]),
        (
            today,
            vec![
                watched("lib-2", 1),
                watched("lib-4", 2),
                watched("lib-3", 9),
            ],
        ),
        (today, vec![watched("lib-2", 2)]),
    ] {
        catalog.count_plays(day, &plays).await.unwrap();
    }
    let of = async |id: Option<&str>, since| {
        let id = id.map(|id| id.parse().unwrap());
        catalog.plays(id.as_ref(), since).await.unwrap()
    };
    assert_eq!(of(Some("lib-2"), today).await, watched("lib-2", 3).tally);
    assert_eq!(of(Some("lib-2"), today.before(9)).await.starts, 10);
    assert_eq!(of(None, today).await.starts, 14);
    assert_eq!(of(Some("never"), today).await, Tally::default());
    // What is withdrawn is nobody's favourite.
    let top = catalog.top(today, 9).await.unwrap();
    assert_eq!(top, [watched("lib-2", 3), watched("lib-4", 2)]);
    assert_eq!(catalog.top(today, 1).await.unwrap(), top[..1]);
}
