//! Sign-in, sessions and decisions.

mod decisions;
mod dry_runs;
mod faults;
mod hooks;
mod machines;
mod nft;
mod openid;
mod over_http;
mod properties;
mod replicas;
mod revocation;
mod sign_in;
mod sign_in_forms;
mod solana;
mod solana_rules;
mod through;
mod trees;
mod wallets;
