//! The seccomp filters. An allow-list answers EPERM to everything else, so that a library which
//! merely asks goes on; `clone3` answers ENOSYS, because glibc then falls back to `clone`, whose
//! flags can be checked; what only an intruder calls ends the process.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The programs, to be applied in this order.
pub fn filters() -> Result<Vec<BpfProgram>, Error> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let errno = |e: i32| SeccompAction::Errno(e.unsigned_abs());
    let program = |rules, otherwise, matched| -> Result<BpfProgram, Error> {
        Ok(SeccompFilter::new(rules, otherwise, matched, arch)?.try_into()?)
    };
    Ok(vec![
        program(
            all(DEADLY),
            SeccompAction::Allow,
            SeccompAction::KillProcess,
        )?,
        program(
            all(&[libc::SYS_clone3]),
            SeccompAction::Allow,
            errno(libc::ENOSYS),
        )?,
        program(allowed()?, errno(libc::EPERM), SeccompAction::Allow)?,
    ])
}

fn all(numbers: &[i64]) -> Rules {
    numbers.iter().map(|n| (*n, Vec::new())).collect()
}

fn allowed() -> Result<Rules, Error> {
    let mut rules = all(ALLOWED);
    #[cfg(target_arch = "x86_64")]
    rules.extend(all(ALLOWED_X86_64));
    let threads_only = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(
        libc::SYS_clone,
        vec![argument(
            0,
            SeccompCmpOp::MaskedEq(threads_only),
            threads_only,
        )?],
    );
    // Names of threads and of memory areas are all that is set.
    let prctl = |option: i32| argument(0, SeccompCmpOp::Eq, u64::from(option.unsigned_abs()));
    rules.insert(
        libc::SYS_prctl,
        vec![prctl(libc::PR_SET_NAME)?, prctl(libc::PR_SET_VMA)?],
    );
    // A thread may step back behind the others.
    let own =
        |argument| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 0);
    rules.insert(
        libc::SYS_setpriority,
        vec![SeccompRule::new(vec![own(0)?, own(1)?])?],
    );
    // Limits may be asked for, not set.
    rules.insert(
        libc::SYS_prlimit64,
        vec![SeccompRule::new(vec![SeccompCondition::new(
            2,
            SeccompCmpArgLen::Qword,
            SeccompCmpOp::Eq,
            0,
        )?])?],
    );
    Ok(rules)
}

fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, Error> {
    let length = SeccompCmpArgLen::Dword;
    let condition = SeccompCondition::new(index, length, operator, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

/// Nothing here is called by accident.
const DEADLY: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
];

const ALLOWED: &[i64] = &[
    // Files: Landlock says which.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fcntl,
    libc::SYS_getcwd,
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    // Threads, signals, time.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_restart_syscall,
    libc::SYS_ppoll,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Facts.
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
];

/// Older forms that only this architecture has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_X86_64: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_mkdir,
    libc::SYS_poll,
    libc::SYS_time,
    libc::SYS_getrlimit,
];
