//! Metrics and limits add no allocation to a request, nor do the other layers that need none.

use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::http::Request;
use tower::Service;

use super::stack::{LAYERS, PLAYBACK, Stack, all, bare, request, with};

/// Allocations of one request that is answered at once.
fn allocations(router: &mut Stack, route: &str) -> u64 {
    let ask = |router: &mut Stack, request: Request<Body>| {
        let mut future = std::pin::pin!(router.call(request));
        let answered = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(answered, Poll::Ready(Ok(response)) if response.status() == 200));
    };
    for _ in 0..100 {
        ask(router, request(route));
    }
    let asked = request(route);
    allocation_counter::measure(|| ask(router, asked)).count_total
}

#[test]
fn metrics_and_limits_add_none_on_the_hot_path() {
    let none = allocations(&mut bare(PLAYBACK), PLAYBACK);
    assert!(none > 0, "the counter counts nothing");
    // The name of the request and where it is kept.
    for layer in LAYERS.into_iter().filter(|layer| *layer != "arrival") {
        let counted = allocations(&mut with(layer, PLAYBACK), PLAYBACK);
        println!("{layer}: {counted} allocations, {none} bare");
        assert_eq!(counted, none, "{layer}");
    }
}

#[test]
fn the_whole_edge_allocates_little() {
    let bare = allocations(&mut bare(PLAYBACK), PLAYBACK);
    let counted = allocations(&mut all(PLAYBACK), PLAYBACK);
    println!("{counted} allocations behind all layers, {bare} bare");
    // The name of the request and room for the headers that everybody gets.
    assert!(counted <= bare + 8, "{counted} against {bare}");
}
