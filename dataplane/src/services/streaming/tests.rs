//! The role on a real catalog and store, over real HTTP.

mod fixture;
mod guard;
mod live;
mod revoked;
mod segments;
