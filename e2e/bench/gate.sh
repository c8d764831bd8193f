#!/usr/bin/env bash
# Claims of the gate that are measured in process, against real EVM nodes: gate.sh NAME. Prints what
# the tests of that claim print, each a comparison with its bar; the exit status is theirs.
set -euo pipefail
cd "$(dirname "$0")/../.."
make -s evm contracts oidc solana
run() { # run FILTER...: the tests, their lines, and whether all passed
  # The first line of a test stands behind its name; each figure begins a line of its own.
  cargo test --release --workspace --lib -- --nocapture --test-threads=1 "$@" 2> /dev/null | sed -E 's/ \.\.\. (gate-[0-9]+ )/ ...\n\1/'
}
case $1 in
  gate-1)
    kinds=(wallets sign_in solana solana_rules through openid machines replicas)
    out=$(run gate_1_ "${kinds[@]/#/auth::tests::}" openid::token adapters::solana siwe::tests) || failed=1
    grep -E '^test .*(wallets|sign_in|solana|through|openid|machines|replicas|siwe)' <<< "$out" | sed -E 's/^test (services::auth::(tests::)?)?/  /'
    grep '^gate-1' <<< "$out" || failed=1
    passed=$(grep -cE '^test .* ok$|^ok$' <<< "$out" || true)
    refused=$(grep -oE '[0-9]+ kinds in [0-9]+ places, [0-9]+ refused' <<< "$out" | tail -1)
    echo "compared: outcome of each vector with the outcome its standard gives it; every kind of token with a refusal in every other's place"
    [ -n "$refused" ] || failed=1
    echo "figure: $passed groups of vectors pass for EIP-4361, plain texts, EIP-712, EIP-1271, EIP-6492, EIP-7702, delegations, ERC-6551, Solana keys, Solana's token, Token-2022 and metadata programs, OIDC and machine keys; tokens: ${refused:-not shown}"
    ;;
  gate-2)
    make -s databases
    out=$(PROPTEST_CASES=2000 run gate_2_) || failed=1
    grep '^gate-2' <<< "$out"
    rows=$(grep -c '^gate-2 .*: refused, back' <<< "$out" || true)
    malformed=$(grep -c '^gate-2 malformed' <<< "$out" || true)
    [ "$rows" = 10 ] && [ "$malformed" = 1 ] || failed=1
    echo "compared: reason of each refusal with the one of its fault; time until admitted again (bar: no restart)"
    echo "figure: $rows of 10 faults of providers, store and auth refused with their reason and over without a restart; clocks, unknown chains and kinds refused; 2000 malformed requests hurt nobody; one fault of three providers refuses nobody"
    ;;
  gate-12)
    out=$(run gate_12_) || failed=1
    grep '^gate-12' <<< "$out"
    passed=$(grep -c '^gate-12 .* refused' <<< "$out" || true)
    # 24 addresses and their sum, rebinding, URLs, metadata, redirects, 3 answers
    [ "$passed" = 32 ] || failed=1
    echo "compared: outcome of each webhook with a refusal, and connections to a listener it would lead to with 0"
    echo "figure: $passed of 32 lines refused: 24 addresses by name and as written, rebinding, odd URLs, metadata, redirects, slow, silent and huge answers; 0 connections"
    ;;
  gate-3)
    out=$(run gate_3_) || failed=1
    grep '^gate-3' <<< "$out"
    last=$(grep -oE 'the last [0-9]+ ms' <<< "$(grep -v 'in flight' <<< "$out")" | grep -oE '[0-9]+' | sort -n | tail -1)
    flying=$(grep 'in flight' <<< "$out" | grep -oE 'the last [0-9]+ ms' | grep -oE '[0-9]+' | sort -n | tail -1)
    echo "compared: time of the last 200 of each replica with the block of the transfer, blocks of 1 s"
    echo "figure: last 200 of any replica, playlists, segments and keys, ${last:-?} ms after the block (bar 2000 ms); a response in flight cut, its last buffered byte read after ${flying:-?} ms"
    ;;
  gate-4)
    out=$(GATE_4_RUNS=200 run gate_4_) || failed=1
    grep '^gate-4' <<< "$out"
    echo "compared: decisions with what another reader of the node says"
    echo "figure: $(grep -oE '[0-9]+ wrong.*' <<< "$out" | tail -1)"
    ;;
  gate-5)
    out=$(run gate_5_) || failed=1
    grep '^gate-5' <<< "$out"
    echo "compared: decisions of 3 endpoints, quorum 2, with the truth; refusals with QuorumNotReached"
    one=$(grep -E '^gate-5 (lying|dead) at [0-9]:' <<< "$out" | grep -c ' 0 refused')
    both=$(grep -c '0 decided, 40 refused as {"QuorumNotReached"}' <<< "$out")
    [ "$one" = 6 ] && [ "$both" = 6 ] || failed=1
    echo "figure: $one of 6 runs with one fault without a failed request, liar named in each; $both of 6 with two refused as QuorumNotReached"
    ;;
  gate-11)
    tests=(gate_11_ tokens::tests auth::evaluate streaming::range)
    out=$(PROPTEST_CASES=2000 run "${tests[@]}") || failed=1
    grep -E '^test .*(gate_11_|tokens::tests|evaluate|range)' <<< "$out" | sed 's/^test /  /'
    passed=$(grep -cE '^test .* ok$' <<< "$out" || true)
    echo "compared: 2000 drawn cases of each property with what the handle alone opens, a model of ranges, a truth table of trees"
    echo "figure: $passed properties hold: requests change no rule, changed tokens are refused, ranges and trees equal their models"
    ;;
  *) echo "gate.sh: name one of gate-1, gate-2, gate-3, gate-4, gate-5, gate-11, gate-12" >&2; exit 2 ;;
esac
exit "${failed-0}"
