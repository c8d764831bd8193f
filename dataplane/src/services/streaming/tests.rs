//! The role on a real catalog and store, over real HTTP.

mod fixture;
mod forms;
mod guard;
mod keys;
mod live;
mod revoked;
mod segments;
mod stills;
