#!/usr/bin/env bash
# The limiter against an exact model, 10 million addresses against its table, and three replicas that
# count together in a Redis.
set -euo pipefail
source "$(dirname "$0")/tests.sh"
export CALLERS=10000000 PROPTEST_CASES=4096
run --lib layers::limit::tests::decisions_equal_an_exact_model
run --lib layers::limit::tests::whoever_waits_as_long_as_told_passes_and_not_before
run --lib layers::limit::tests::hostile_addresses_cost_bounded_memory_and_no_pause
seen=$(grep -oE '[0-9]+ bytes per key.*' <<< "$last" || echo "see above")
export STRICT_SECONDS=20
run --lib adapters::redis::tests::three_replicas_admit_what_one_would
strict=$(grep -oE '[0-9]+ admitted of .*' <<< "$last" || echo "see above")
run --lib layers::limit::strict::tests::without_the_store_each_replica_limits_alone
echo "compared: decisions with a token bucket in whole numbers; memory with 96 bytes per place; what three replicas admit with burst + rate*t"
echo "figure: model equal, $CALLERS addresses: $seen; 3 replicas strict: $strict; failed: $failed"
exit $((failed > 0))
