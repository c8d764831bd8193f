//! Composition: command line → process. Each subcommand is one process of the product.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use prometheus::Registry;
use streamgate_contract::roles::{ADMIN_PORT, INTERNAL_PORT, PUBLIC_PORT};
use streamgate_contract::{config, peers};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use self::audit::AuditCommand;
use crate::adapters::linux_figures::LinuxFigures;
use crate::adapters::tokio_figures::TokioFigures;
use crate::courier::{self, CourierArgs, PublishArgs};
use crate::layers::shed::idle::Idle;
use crate::ports::figures::Figures;

pub mod all;
mod audit;
mod make;
mod one;
mod roles;
mod token_keys;

/// The data plane of a StreamGate.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    process: Process,
}

#[derive(Subcommand)]
enum Process {
    /// Every role in one process (topology Compact).
    All(AllArgs),
    /// One role in a process of its own (topology Distributed).
    #[command(flatten)]
    One(one::OneRole),
    /// The sidecar of job pods: fetches the source, delivers what the transcoder finishes.
    Courier(CourierArgs),
    /// Closes the output of a TranscodeJob.
    Publish(PublishArgs),
    /// The audit log of a gate: verify it, export it.
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// Where a role finds what the operator mounts.
#[derive(clap::Args, Clone, Debug)]
pub struct AllArgs {
    /// Role configuration.
    #[arg(long, default_value = config::CONFIG_PATH)]
    pub config: PathBuf,
    /// Folder of the generated keys.
    #[arg(long, default_value = config::KEYS_DIR)]
    pub keys: PathBuf,
    /// Folder of the S3 credentials.
    #[arg(long, default_value = config::S3_CREDENTIALS_DIR)]
    pub s3_credentials: PathBuf,
    /// Folder with the secrets of OpenID clients.
    #[arg(long, default_value = config::OIDC_SECRETS_DIR)]
    pub oidc_secrets: PathBuf,
    /// Folder of the tokens to show to other roles.
    #[arg(long, default_value = peers::ROLE_TOKENS_DIR)]
    pub role_tokens: PathBuf,
    /// Folder of the audit log.
    #[arg(long, default_value = config::AUDIT_DIR)]
    pub audit: PathBuf,
    /// Folder of the certificate, for a public listener that speaks TLS.
    #[arg(long, default_value = config::TLS_DIR)]
    pub tls: PathBuf,
    /// Where the public listener listens.
    #[arg(long, default_value_t = everywhere(PUBLIC_PORT))]
    pub public: SocketAddr,
    /// Where the internal listener listens.
    #[arg(long, default_value_t = everywhere(INTERNAL_PORT))]
    pub internal: SocketAddr,
    /// Where health and metrics are asked for.
    #[arg(long, default_value_t = everywhere(ADMIN_PORT))]
    pub admin: SocketAddr,
}

fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
}

/// Runs the process that the command line names.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // Only once: this is where a process begins.
    let _ = make::IDLE.set(Idle::of(builder.enable_all()));
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(arguments.process)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("streamgate-dataplane: {error:#}");
    ExitCode::FAILURE
}

async fn run(process: Process) -> anyhow::Result<u8> {
    match process {
        Process::All(args) => all::run(args, terminated()).await.map(|()| 0),
        Process::One(role) => one::run(role, terminated()).await.map(|()| 0),
        Process::Courier(args) => {
            log("info");
            courier::run(args, terminated()).await?;
            Ok(0)
        }
        Process::Publish(args) => {
            log("info");
            Ok(courier::publish(args).await?)
        }
        Process::Audit(command) => audit::run(&command),
    }
}

/// Figures that are read at each scrape; `volume` is a folder of the data volume.
fn figures(registry: &Registry, volume: &Path) -> prometheus::Result<Vec<Box<dyn Figures>>> {
    Ok(vec![
        Box::new(LinuxFigures::new(registry, volume)?),
        Box::new(TokioFigures::new(registry)?),
    ])
}

/// Ends with the first SIGTERM or SIGINT.
async fn terminated() {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// Lines of JSON on standard error; a filter that says nothing is `info`.
fn log(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().json().flatten_event(true);
    let lines = lines.with_writer(std::io::stderr).with_env_filter(filter);
    // Fails only when a test has set its own.
    let _ = lines.try_init();
}

#[cfg(test)]
mod tests;
