#!/usr/bin/env bash
# Every parser that meets the network under libFuzzer, guided by coverage: SECONDS_EACH of each target, on stable Rust.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${SECONDS_EACH:-60}
export CARGO_TARGET_DIR=$PWD/target/fuzz
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
echo "== building the targets (minutes when it is the first time)"
RUSTFLAGS="--cfg fuzzing $coverage" cargo build --release --manifest-path dataplane/fuzz/Cargo.toml --target "$(rustc -vV | sed -n 's/^host: //p')"
binary=$(echo target/fuzz/*/release/parsers)
for target in sign_in_message token range path query; do
    corpus=target/fuzz/corpus/$target
    mkdir -p "$corpus" target/fuzz/found
    echo "== $target, $seconds s"
    STREAMGATE_FUZZ=$target STREAMGATE_FUZZ_CORPUS=$corpus "$binary" "$corpus" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -artifact_prefix="target/fuzz/found/$target-" -print_final_stats=1 2>&1 | grep -E 'DONE|SUMMARY|panicked|cov:|number_of_executed|ERROR' | tail -n 4
done
