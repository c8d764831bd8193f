#!/usr/bin/env bash
# The audit log: records per second, 1,000 SIGKILLs, every flip, removal, reorder and cut.
set -euo pipefail
source "$(dirname "$0")/tests.sh"
export RECORDS=400000 KILLS=${KILLS:-1000}
tests=adapters::audit_files::tests
run --lib $tests::records_are_committed_in_groups
rate=$(grep -oE '[0-9]+ per second, ack p50 [0-9]+ us, p99 [0-9]+ us' <<< "$last" || echo "?")
run --lib $tests::every_flip_removal_reorder_and_cut_is_found
found=$(grep -oE 'found: .*' <<< "$last" || echo "not all found")
run --lib $tests::a_chain_made_anew_without_the_key_is_found
run --lib $tests::nothing_acknowledged_is_lost_by_kills
lost=$(grep -oE '[0-9]+ kills: .*' <<< "$last" || echo "see above")
echo "compared: acknowledged records with those in the log; each tampered log with the verifier's word"
echo "figure: $rate; $lost; $found; failed: $failed"
exit $((failed > 0))
