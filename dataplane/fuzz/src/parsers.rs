//! One of the targets of `streamgate_dataplane::fuzz`, as `STREAMGATE_FUZZ` names it. Its seeds are put into
//! the folder that `STREAMGATE_FUZZ_CORPUS` names before the fuzzer reads it: nobody guesses a sign-in message.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use streamgate_dataplane::fuzz::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("STREAMGATE_FUZZ").unwrap_or_default();
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("STREAMGATE_FUZZ names no target: {name:?}"))
});

fn seed() {
    let corpus = std::env::var_os("STREAMGATE_FUZZ_CORPUS").map(PathBuf::from);
    let corpus = corpus.expect("STREAMGATE_FUZZ_CORPUS names no folder");
    for (number, text) in TARGET.seeds.iter().enumerate() {
        std::fs::write(corpus.join(format!("seed-{number}")), text).expect("write a seed");
    }
}

libfuzzer_sys::fuzz_target!(init: seed(), |bytes: &[u8]| (TARGET.run)(bytes));
