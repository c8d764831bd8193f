#!/usr/bin/env bash
# Puts a node of Solana with the real programs into target/tools/solana: LiteSVM with the token programs
# and the one of associated accounts, and Metaplex's program of metadata as it runs on mainnet, which a crate
# of tests ships.
set -euo pipefail
tools=$(cd "$(dirname "$0")/../.." && pwd)/target/tools/solana
program=metaplex-token-metadata.so
crate=trident-svm version=0.3.0-rc.4
sum=1e5786cc6462756fc221fd5bc744f67e9added188284f680d51b699379963a9d
mkdir -p "$tools"
[ -d "$tools/node_modules/litesvm" ] || npm install --silent --no-save --prefix "$tools" litesvm@1.5.0
if ! sha256sum --status -c - <<< "$sum  $tools/$program" 2> /dev/null; then
  cargo info --quiet "$crate@$version" > /dev/null
  cp "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$crate-$version/src/solana-program-library/$program" "$tools/"
  sha256sum --quiet -c - <<< "$sum  $tools/$program"
fi
