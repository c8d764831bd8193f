#!/usr/bin/env bash
# The cache: memory under 10 minutes of churn, one fetch for a crowd, hit ratios, nothing stale.
set -euo pipefail
source "$(dirname "$0")/tests.sh"
export CHURN_SECONDS=${CHURN_SECONDS:-600} ASKED=5000000
tests=adapters::moka_cache::tests
run --lib $tests::a_thousand_who_miss_at_once_cost_one_fetch
run --lib $tests::nothing_stale_is_read_after_a_modification
make -s databases
for database in sqlite postgres; do
  run --lib adapters::moka_cache::library::tests::nobody_of_any_replica_is_told_what_was_before_on_$database
done
run --lib $tests::hit_ratios_are_those_of_the_policy
ratios=$(grep -oE '[0-9.]+ % hits' <<< "$last" | paste -sd/ || echo "?")
run --lib $tests::memory_stays_within_the_bound_under_churn
memory=$(grep -oE 'at most [0-9]+ MiB grown of [0-9]+ MiB' <<< "$last" || echo "see above")
echo "compared: hit ratios with moka's published 50.6 / 74.3 %, memory with the configured bytes"
echo "figure: $memory in $CHURN_SECONDS s, 1 fetch for 1,000 misses, $ratios, 0 stale; failed: $failed"
exit $((failed > 0))
