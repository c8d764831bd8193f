//! The data plane's binary: `all` runs every HTTP role, `courier` is the sidecar of job pods,
//! `publish` closes an output.

use std::process::ExitCode;

fn main() -> ExitCode {
    streamgate_dataplane::app::main()
}
