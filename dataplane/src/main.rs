//! The data plane's binary: `all` runs every HTTP role, the name of a role runs it alone, `courier` is the sidecar of job pods,
//! `publish` closes an output.

use std::process::ExitCode;

fn main() -> ExitCode {
    streamgate_dataplane::app::main()
}
