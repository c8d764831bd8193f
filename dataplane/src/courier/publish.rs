//! Publish: asks the worker to close the output. All of the work is the worker's; this process
//! carries the answer into the pod's termination message and exit code.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use streamgate_contract::exit;
use streamgate_contract::job_files::{Published, Termination};

use super::CourierError;
use super::halt::Halt;
use super::worker::Worker;

/// Command line of Publish.
#[derive(Args, Clone, Debug)]
pub struct PublishArgs {
    /// Origin of the worker.
    #[arg(long)]
    pub worker_url: String,
    /// File with the service-account token for the worker.
    #[arg(long)]
    pub token: PathBuf,
    /// Where the termination message goes.
    #[arg(long, default_value = "/dev/termination-log")]
    pub termination: PathBuf,
    /// Seconds without success after which the pod ends with exit code 75, to be tried again.
    #[arg(long, default_value_t = 300)]
    pub patience_seconds: u64,
}

/// Closes the output; returns the exit code.
pub async fn publish(args: PublishArgs) -> Result<u8, CourierError> {
    let patience = Duration::from_secs(args.patience_seconds);
    let worker = Worker::new(&args.worker_url, &args.token, patience)?;
    let (code, message) = outcome(worker.publish().await);
    if let Termination::Failed(failure) = &message {
        tracing::error!(reason = failure.reason, "{}", failure.detail);
    }
    if let Err(error) = tokio::fs::write(&args.termination, message.to_message()).await {
        // The exit code still tells; the operator repeats the step, which changes nothing.
        tracing::warn!("cannot write the termination message: {error}");
    }
    Ok(code)
}

fn outcome(answer: Result<Published, Halt>) -> (u8, Termination) {
    match answer {
        Ok(published) => (exit::DONE, Termination::Published(published)),
        Err(halt) => (halt.exit_code(), Termination::Failed(halt.failure())),
    }
}
