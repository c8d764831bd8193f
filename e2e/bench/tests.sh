# Runs named tests of the data plane with the numbers of a claim, each alone in its process, and shows
# what they print. Sourced by the scripts of claims.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
failed=0
# run KIND TEST: KIND is --lib or "--test NAME".
run() {
  local out
  # shellcheck disable=SC2086
  if out=$(cargo test -q --release --workspace $1 -- --exact --nocapture --test-threads=1 "$2" 2>&1); then
    grep -vE '^(running|test result|\.|$)' <<< "$out" | sed 's/^/  /' || true
  else
    tail -15 <<< "$out" | sed 's/^/  /'
    failed=$((failed + 1))
  fi
  last=$out
}
