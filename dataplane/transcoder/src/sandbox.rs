//! The sandbox of a process that parses hostile media: no new privileges, Landlock around one
//! folder, a seccomp allow-list without sockets, exec, io_uring or namespaces. [`enter`] is the
//! first thing `main` does, before any thread: threads made later inherit all of it.

mod syscalls;

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

/// What the process may keep.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The only folder that may be read or written.
    pub work: PathBuf,
    /// Go on without Landlock when the kernel has none.
    pub best_effort: bool,
}

/// What the kernel gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The folder rule is enforced.
    pub landlock: bool,
}

/// Why the sandbox was not entered.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel has no Landlock.
    #[error(
        "this node's kernel offers no Landlock; use a node with it, or allow running without by `sandbox: BestEffort`"
    )]
    NoLandlock,
    /// A rule could not be made or applied.
    #[error("cannot restrict the process: {0}; check the node's kernel and the work folder")]
    Refused(String),
}

fn refused(error: impl std::fmt::Display) -> SandboxError {
    SandboxError::Refused(error.to_string())
}

/// Enters the sandbox for good. Call it with one thread running and no file open that matters.
pub fn enter(policy: &Policy) -> Result<Report, SandboxError> {
    rustix::thread::set_no_new_privs(true).map_err(refused)?;
    let landlock = enclose(policy)?;
    if !landlock && !policy.best_effort {
        return Err(SandboxError::NoLandlock);
    }
    for filter in syscalls::filters().map_err(refused)? {
        seccompiler::apply_filter(&filter).map_err(refused)?;
    }
    Ok(Report { landlock })
}

/// Landlock: everything of the folder except execution, nothing of anything else. Newer kernels
/// also refuse TCP, signals and abstract sockets towards the outside.
fn enclose(policy: &Policy) -> Result<bool, SandboxError> {
    let abi = ABI::V6;
    let folder = AccessFs::from_all(abi) & !AccessFs::Execute;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|r| r.handle_access(AccessNet::from_all(abi)))
        .and_then(|r| r.scope(Scope::from_all(abi)))
        .and_then(|r| r.create())
        .map_err(refused)?
        .add_rule(PathBeneath::new(
            PathFd::new(&policy.work).map_err(refused)?,
            folder,
        ))
        .and_then(|r| r.restrict_self())
        .map_err(refused)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Makes SIGTERM end the process at once: the first process of a container has no default for
/// it, and everything of value is committed segment by segment.
pub fn end_on_sigterm() {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: `_exit` is async-signal-safe and takes no memory of ours.
        unsafe { libc::_exit(128 + libc::SIGTERM) }
    }
    let handler = end as extern "C" fn(libc::c_int);
    // SAFETY: the handler has the signature that `signal` expects and only calls `_exit`.
    unsafe { libc::signal(libc::SIGTERM, handler as libc::sighandler_t) };
}
