//! What the layers of the request path cost: allocations always, time when the claim asks for it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod allocations;
mod cost;
mod stack;
