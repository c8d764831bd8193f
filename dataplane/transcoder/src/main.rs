//! The transcoder of a job pod: enters the sandbox before anything else, then does what the
//! courier orders in the shared folder.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use streamgate_transcoder::run::{self, Message};
use streamgate_transcoder::{EngineError, sandbox};

/// Turns a video into CMAF segments, in a sandbox.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Folder shared with the courier.
    #[arg(long)]
    work: PathBuf,
    /// What to do on a kernel without Landlock.
    #[arg(long, value_enum, default_value = "required")]
    sandbox: Sandbox,
    /// Where the termination message goes.
    #[arg(long, default_value = "/dev/termination-log")]
    termination: PathBuf,
    /// How long to wait for the order.
    #[arg(long, default_value_t = 900)]
    wait_seconds: u64,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Sandbox {
    Required,
    BestEffort,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    sandbox::end_on_sigterm();
    // The courier runs under another user of the same group and takes delivered files away.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o002));
    // x264 asks for huge pages and fills them in part: a twentieth of the memory, for no time.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        eprintln!("huge pages stay as the system has them: {error}");
    }
    let message = Message::open(&arguments.termination);
    let policy = sandbox::Policy {
        work: arguments.work.clone(),
        best_effort: arguments.sandbox == Sandbox::BestEffort,
    };
    let code = match sandbox::enter(&policy) {
        Ok(report) => {
            eprintln!("sandbox entered, landlock: {}", report.landlock);
            let wait = Duration::from_secs(arguments.wait_seconds);
            run::run(&arguments.work, wait, &message)
        }
        Err(error) => run::fail(&arguments.work, &message, &EngineError::from(error)),
    };
    ExitCode::from(code)
}
