//! Sign-in, sessions and decisions.

mod decisions;
mod dry_runs;
mod faults;
mod over_http;
mod properties;
mod revocation;
mod sign_in;
mod trees;
mod wallets;
