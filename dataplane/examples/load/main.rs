//! Load for the claims on streaming, on loopback and bounded: `seed` makes the folder of a gate with
//! contents, handles and the same files for another server, `ask` asks a server for a list of paths
//! as a bounded number of viewers would, `time` measures what a handle costs inside.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ask;
mod client;
mod seed;
mod time;

use clap::Parser;

/// What to do.
#[derive(Parser)]
enum Command {
    /// Makes a gate's folder.
    Seed(seed::Seed),
    /// Lists paths of handles that another key signs.
    Handles(seed::Handles),
    /// Asks a server.
    Ask(ask::Ask),
    /// Times the check of handles.
    Time(time::Time),
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // One thread: the core it runs on is what the claims bound.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    match Command::parse() {
        Command::Seed(args) => runtime.block_on(seed::run(args)),
        Command::Handles(args) => seed::handles(&args),
        Command::Ask(args) => runtime.block_on(ask::run(args)),
        Command::Time(args) => runtime.block_on(time::run(args)),
    }
}
