//! One of the targets of `streamgate_dataplane::fuzz`, as `STREAMGATE_FUZZ` names it.
#![no_main]

use std::sync::LazyLock;

use streamgate_dataplane::fuzz::TARGETS;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("STREAMGATE_FUZZ").unwrap_or_default();
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("STREAMGATE_FUZZ names no target: {name:?}")).run
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| RUN(bytes));
