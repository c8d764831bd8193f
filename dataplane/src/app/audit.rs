//! `audit verify` and `audit export`: what an auditor does with the log of a gate.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use streamgate_contract::config::AUDIT_DIR;

use crate::adapters::audit_files::verify::{PublishedHead, Report, verify};
use crate::adapters::ocsf;
use crate::config;

/// What to do with the log.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Check that nothing was changed, removed or reordered; says the first bad offset.
    Verify(VerifyArgs),
    /// Write every record as an OCSF event in a CloudEvents envelope, one a line.
    Export(ExportArgs),
}

/// Which log.
#[derive(Args)]
pub struct VerifyArgs {
    /// Folder of the log.
    #[arg(long, default_value = AUDIT_DIR)]
    dir: PathBuf,
    /// Folder of the keys that signed the seals; without them the chain alone is checked.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// A head that was kept elsewhere, SEQUENCE:HASH; the log must contain it. HASH may be its
    /// first 12 hex digits, as the metric streamgate_audit_head_hash has them.
    #[arg(long)]
    head: Option<PublishedHead>,
}

/// Which records.
#[derive(Args)]
pub struct ExportArgs {
    /// Folder of the log.
    #[arg(long, default_value = AUDIT_DIR)]
    dir: PathBuf,
    /// `source` of the events: which gate they come from.
    #[arg(long, default_value = "/streamgate")]
    source: String,
    /// Number of the first record wanted.
    #[arg(long, default_value_t = 1)]
    from: u64,
}

/// Does it; 0 when the log is sound, 1 when it is not.
///
/// # Errors
/// When keys cannot be read or the output cannot be written.
pub fn run(command: &AuditCommand) -> anyhow::Result<u8> {
    match command {
        AuditCommand::Verify(args) => check(args),
        AuditCommand::Export(args) => export(args),
    }
}

fn check(args: &VerifyArgs) -> anyhow::Result<u8> {
    let key = args
        .keys
        .as_deref()
        .map(config::read_audit_key)
        .transpose()?;
    match verify(&args.dir, key.as_ref(), args.head.as_ref(), |_, _| {}) {
        Ok(report) => {
            println!("{}", told(&report));
            Ok(0)
        }
        Err(fault) => {
            println!("not sound: {fault}");
            Ok(1)
        }
    }
}

fn told(report: &Report) -> String {
    let Report {
        segments,
        seals,
        records,
        first,
        head,
    } = report;
    let hash = hex::encode(head.hash);
    format!(
        "sound: {records} records from {first}, {segments} segments, {seals} seals checked, head {}:{hash}",
        head.sequence
    )
}

fn export(args: &ExportArgs) -> anyhow::Result<u8> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut failed = None;
    let verified = verify(&args.dir, None, None, |sequence, payload| {
        if sequence < args.from || failed.is_some() {
            return;
        }
        let line = serde_json::from_slice(payload)
            .map(|record| ocsf::event(&args.source, sequence, &record))
            .map_err(io::Error::from);
        failed = line.and_then(|line| writeln!(out, "{line}")).err();
    });
    if let Some(error) = failed {
        return Err(error).context("cannot export");
    }
    out.flush().context("cannot write")?;
    match verified {
        Ok(_) => Ok(0),
        Err(fault) => {
            eprintln!("the export ends here: {fault}");
            Ok(1)
        }
    }
}
