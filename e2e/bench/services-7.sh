#!/usr/bin/env bash
# Metadata with a million contents on SQLite and on PostgreSQL: reads and searches over HTTP on
# loopback, writers and servers killed, two versions of the schema at once.
set -euo pipefail
source "$(dirname "$0")/tests.sh"
export ROWS=${ROWS:-1000000} ASKED=${ASKED:-3000} KILLS=${KILLS:-100} BARS=1
tests=services::metadata::tests
seen=()
for database in sqlite postgresql; do
  run --lib $tests::million::many_contents_are_found_fast_in_$database
  seen+=("$(grep -oE '(SQLite|PostgreSQL), .*: get p50 .* ms' <<< "$last" | sed -E 's/, list.*//' || echo "$database: see above")")
done
run --lib $tests::kills::nothing_acknowledged_is_lost_by_kills_of_the_writer_in_sqlite
seen+=("$(grep -oE '[0-9]+ acknowledged, [0-9]+ lost' <<< "$last" || echo "?")")
run --lib $tests::kills::nothing_acknowledged_is_lost_by_kills_of_writer_and_server_in_postgresql
seen+=("$(grep -oE '[0-9]+ acknowledged, [0-9]+ lost' <<< "$last" || echo "?")")
run --lib adapters::sqlite::tests::the_version_before_works_on_while_this_one_serves
run --lib adapters::sqlite::tests::a_file_of_a_newer_version_is_refused_unless_that_version_allows_us
run --lib adapters::postgres::tests::passes_the_suite_of_catalogs_and_keeps_its_schema_over_replicas_and_versions
echo "compared: p99 of $ASKED reads and searches each with 2 and 50 ms; acknowledged contents with those there after $KILLS kills"
printf -v line '%s; ' "${seen[@]}"
echo "figure: ${line}two versions at once; failed: $failed"
exit $((failed > 0))
