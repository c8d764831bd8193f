//! The role on a real catalog and store, over real HTTP.

mod crowd;
mod faults;
mod fixture;
mod forms;
mod guard;
mod in_flight;
mod keys;
mod live;
mod properties;
mod replica;
mod revoked;
mod segments;
mod slow;
mod stills;
mod words;
