//! Metrics and limits add no allocation to a request, nor do the other layers that need none.

use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower::Service;

use streamgate_dataplane::layers::around::Layered;

use super::stack::{Idle, PLAYBACK, all, bare, request, with};

/// Allocations of one request that is answered at once.
fn allocations(router: &mut Router, route: &str) -> u64 {
    let ask = |router: &mut Router, request: Request<Body>| {
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
    // A layer of its own costs the box that axum puts around a route, whatever the layer does.
    let nothing = || Layered(Idle::default());
    let boxed = allocations(&mut bare(PLAYBACK).layer(nothing()), PLAYBACK);
    let limits = allocations(&mut with("limits", PLAYBACK), PLAYBACK);
    for layer in [
        "metrics",
        "client address",
        "load shed",
        "deadline",
        "audit",
    ] {
        let counted = allocations(&mut with(layer, PLAYBACK), PLAYBACK);
        println!("{layer}: {counted} allocations, {boxed} with a layer that does nothing");
        assert_eq!(counted, boxed, "{layer}");
    }
    // Limits are two layers in two calls.
    let twice = bare(PLAYBACK).layer(nothing()).layer(nothing());
    let boxed_twice = allocations(&mut { twice }, PLAYBACK);
    println!("limits: {limits} allocations, {boxed_twice} with layers that do nothing");
    assert_eq!(limits, boxed_twice);
}

#[test]
fn the_whole_edge_allocates_little() {
    let bare = allocations(&mut bare(PLAYBACK), PLAYBACK);
    let counted = allocations(&mut all(PLAYBACK), PLAYBACK);
    println!("{counted} allocations behind all layers, {bare} bare");
    // Three boxes of axum, the name of the request, and the headers that everybody gets.
    assert!(counted <= bare + 22, "{counted} against {bare}");
}
