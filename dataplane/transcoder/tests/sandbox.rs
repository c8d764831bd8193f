//! The sandbox through its production function. Entering cannot be undone, so the test starts
//! itself again as a child that enters, tries what is forbidden and reports a line per attempt.

#![allow(clippy::unwrap_used)]

use std::ffi::CString;
use std::io::Error;
use std::path::Path;
use std::process::{Command, exit};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use streamgate_transcoder::sandbox::{Policy, SandboxError, enter};

const CHILD: &str = "STREAMGATE_SANDBOX_TEST_CHILD";

fn main() {
    match std::env::var(CHILD) {
        Ok(work) => child(Path::new(&work)),
        Err(_) => parent(),
    }
}

/// What the child must report, in any order.
const EXPECTED: &[&str] = &[
    "socket inet: EPERM",
    "socket inet6: EPERM",
    "socket unix: EPERM",
    "socket netlink: EPERM",
    "socketpair: EPERM",
    "connect: EPERM",
    "open outside: EACCES",
    "create outside: EACCES",
    "open inside: ok",
    "create inside: ok",
    "exec: EPERM",
    "fork: EPERM",
    "io_uring_setup: EPERM",
    "clone3: ENOSYS",
    "set limits: EPERM",
    "thread after, socket: EPERM",
    "thread after, open outside: EACCES",
    "ptrace: killed",
    "mount: killed",
    "Seccomp: 2",
    "NoNewPrivs: 1",
    "without Landlock, Required: refused",
    "without Landlock, BestEffort: socket EPERM",
];

fn parent() {
    let outer = tempfile::tempdir().unwrap();
    let work = outer.path().join("work");
    std::fs::create_dir(&work).unwrap();
    std::fs::write(outer.path().join("secret"), "secret").unwrap();
    let mut lines = run(&work, "attempts");
    for deadly in ["ptrace", "mount"] {
        let rest = run(&work, deadly);
        assert!(rest.iter().all(|l| !l.contains("survived")), "{rest:?}");
        if rest.iter().any(|l| l == "SIGSYS") {
            lines.push(format!("{deadly}: killed"));
        }
    }
    for what in ["Required", "BestEffort"] {
        lines.extend(run(&work, what));
    }
    for expected in EXPECTED {
        assert!(
            lines.iter().any(|l| l == expected),
            "missing {expected:?} in {lines:#?}"
        );
        println!("ok - {expected}");
    }
}

/// Lines of a child; its death by SIGSYS is one too.
fn run(work: &Path, what: &str) -> Vec<String> {
    use std::os::unix::process::ExitStatusExt;
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .arg(what)
        .env(CHILD, work)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if output.status.signal() == Some(libc::SIGSYS) {
        lines.push("SIGSYS".to_owned());
    } else {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}: {lines:?} {errors}");
    }
    lines
}

fn child(work: &Path) {
    // Read through a descriptor of before, as /proc is out of reach afterwards.
    let status = std::fs::File::open("/proc/self/status").unwrap();
    if let Some(demand @ ("Required" | "BestEffort")) = std::env::args().nth(1).as_deref() {
        without_landlock(work, demand);
        exit(0);
    }
    let policy = Policy {
        work: work.to_owned(),
        best_effort: false,
    };
    let report = enter(&policy).unwrap();
    assert!(report.landlock);
    match std::env::args().nth(1).as_deref() {
        Some("ptrace") => {
            syscall("ptrace survived", libc::SYS_ptrace, [0, 0, 0]);
        }
        Some("mount") => {
            syscall("mount survived", libc::SYS_mount, [0, 0, 0]);
        }
        _ => attempts(work, status),
    }
    exit(0);
}

/// What `enter` does on a kernel without Landlock, which a filter of its system call pretends.
fn without_landlock(work: &Path, demand: &str) {
    rustix::thread::set_no_new_privs(true).unwrap();
    let rules = [(libc::SYS_landlock_create_ruleset, Vec::new())].into();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
    let policy = Policy {
        work: work.to_owned(),
        best_effort: demand == "BestEffort",
    };
    let what = format!("without Landlock, {demand}");
    match enter(&policy) {
        Err(SandboxError::NoLandlock) => println!("{what}: refused"),
        Err(error) => println!("{what}: {error}"),
        Ok(report) => {
            assert!(!report.landlock);
            // SAFETY: the filter must refuse before the kernel looks at the arguments.
            unsafe { libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0) };
            println!("{what}: socket {}", name(Some(Error::last_os_error())));
        }
    }
}

fn attempts(work: &Path, status: std::fs::File) {
    let sockets = [
        ("inet", libc::AF_INET),
        ("inet6", libc::AF_INET6),
        ("unix", libc::AF_UNIX),
        ("netlink", libc::AF_NETLINK),
    ];
    for (name, family) in sockets {
        let arguments = [family.into(), libc::SOCK_STREAM.into(), 0];
        syscall(&format!("socket {name}"), libc::SYS_socket, arguments);
    }
    let pair = [libc::AF_UNIX.into(), libc::SOCK_STREAM.into(), 0];
    syscall("socketpair", libc::SYS_socketpair, pair);
    syscall("connect", libc::SYS_connect, [0, 0, 0]);
    let shell = CString::new("/bin/true").unwrap();
    syscall("exec", libc::SYS_execve, [shell.as_ptr() as i64, 0, 0]);
    syscall("fork", libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0]);
    syscall("io_uring_setup", libc::SYS_io_uring_setup, [8, 0, 0]);
    syscall("clone3", libc::SYS_clone3, [0, 0, 0]);
    let limit = [0_u64; 2];
    let limits = [0, libc::RLIMIT_NOFILE.into(), limit.as_ptr() as i64];
    syscall("set limits", libc::SYS_prlimit64, limits);
    files("", work);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let arguments = [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 0];
            syscall("thread after, socket", libc::SYS_socket, arguments);
            files("thread after, ", work);
        });
    });
    let text = std::io::read_to_string(status).unwrap();
    for line in text
        .lines()
        .filter(|l| l.starts_with("Seccomp:") || l.starts_with("NoNewPrivs"))
    {
        println!("{}", line.replace('\t', " "));
    }
}

fn files(prefix: &str, work: &Path) {
    let outside = work.parent().unwrap();
    let opened = std::fs::read(outside.join("secret"));
    println!("{prefix}open outside: {}", name(opened.err()));
    let created = std::fs::write(outside.join("new"), "x");
    println!("{prefix}create outside: {}", name(created.err()));
    let created = std::fs::write(work.join("new"), "x");
    println!("{prefix}create inside: {}", name(created.err()));
    let opened = std::fs::read(work.join("new"));
    println!("{prefix}open inside: {}", name(opened.err()));
}

fn syscall(what: &str, number: i64, [a, b, c]: [i64; 3]) {
    // SAFETY: every call is one the filter must refuse before the kernel looks at its arguments;
    // if it did not, null pointers and small numbers are harmless.
    let result = unsafe { libc::syscall(number, a, b, c, 0_i64, 0_i64, 0_i64) };
    let error = (result < 0).then(Error::last_os_error);
    println!("{what}: {}", name(error));
}

fn name(error: Option<Error>) -> String {
    match error.and_then(|e| e.raw_os_error()) {
        None => "ok".to_owned(),
        Some(libc::EPERM) => "EPERM".to_owned(),
        Some(libc::EACCES) => "EACCES".to_owned(),
        Some(libc::ENOSYS) => "ENOSYS".to_owned(),
        Some(other) => format!("error {other}"),
    }
}
