#!/usr/bin/env bash
# Layers on and off: time of each and of all against the bare handler, requests per second over
# loopback, allocations.
set -euo pipefail
source "$(dirname "$0")/tests.sh"
export LAYER_COST=1
run "--test layers" cost::all_layers_together_cost_less_than_a_microsecond
added=$(grep -oE '^/v/.*: all layers [0-9-]+ ns' <<< "$last" | grep -oE '[0-9-]+ ns' || echo "? ns")
run "--test layers" cost::all_layers_together_cost_less_than_15_percent_of_the_requests
fewer=$(grep -oE '[0-9.-]+ % fewer' <<< "$last" || echo "? % fewer")
run "--test layers" allocations::metrics_and_limits_add_none_on_the_hot_path
none=$([ "$failed" = 0 ] && echo "0 allocations" || echo "see above")
run "--test layers" allocations::the_whole_edge_allocates_little
echo "compared: the product's edge with the bare handler, in turns in the same process"
echo "figure: all layers +$added, $fewer requests per second, metrics and limits add $none"
exit $((failed > 0))
