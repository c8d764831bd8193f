#!/usr/bin/env bash
# Shows on the running cluster that it does what the platform's tests rely on; see check.yaml.
#   check.sh [DIR]     DIR is the cluster's folder, default target/cluster
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${TOOLS:-$here/../../target/tools/bin}
dir=${1:-$here/../../target/cluster}
work=$(mktemp -d)
kube() { "$bin/k8s" kubectl --kubeconfig "$dir/kubeconfig" -n node-check "$@"; }

cleanup() {
  if [ -n "${host-}" ]; then kill "$host" 2> /dev/null || true; fi
  kube delete namespace node-check --ignore-not-found --wait=false > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

passed=0
fact() { # fact TEXT COMMAND…: the command must succeed
  local text=$1
  shift
  if ! "$@" > "$work/out" 2>&1; then
    echo "FAILED: $text" >&2
    cat "$work/out" >&2
    kube get pods,events -o wide >&2 || true
    exit 1
  fi
  passed=$((passed + 1))
  echo "ok: $text"
}
says() { # says TEXT COMMAND…: the output holds the text
  local text=$1
  shift
  "$@" | grep -qF "$text"
}
gone() { # gone PATH: it disappears within 20 s
  for _ in $(seq 100); do [ ! -e "$1" ] && return; sleep 0.2; done
  return 1
}
loose_pod_is_refused() {
  local answer
  ! answer=$(kube run loose --image streamgate-probe:1 --privileged -- wait /x 2>&1) || return 1
  [[ $answer == *"violates PodSecurity"* ]]
}

"$bin/cluster" image streamgate-probe:1 --binary "$bin/probe" --out "$work/probe.tar" > /dev/null
fact "an image made from a program is loaded" "$bin/cluster" load-image --dir "$dir" "$work/probe.tar"
"$bin/probe" serve 10.245.0.1:18080 > "$work/host.log" &
host=$!
fact "the objects are accepted" kube apply -f "$here/check.yaml"
fact "a pod that the restricted standard forbids is refused" loose_pod_is_refused
fact "an Indexed Job with a native sidecar completes" kube wait --for=condition=complete --timeout=90s job/indexed
fact "every index ran once" says "0-2" kube get job indexed -o "jsonpath={.status.completedIndexes}"
fact "a server in a pod becomes ready" kube rollout status --timeout=60s deployment/server
fact "a pod reaches Services by name, the API server and the host" \
  kube wait --for=condition=complete --timeout=90s job/client
fact "the host was asked by the pod" grep -q /on-the-host "$work/host.log"
fact "the log of a pod is read" says "asked for /by-full-name" kube logs deployment/server
fact "a command runs in a pod and writes to its volume" \
  kube exec deployment/server -- /usr/local/bin/probe put /data/note written
volume=$dir/volumes/$(kube get pvc data -o "jsonpath={.spec.volumeName}")
fact "what was written is in the volume's folder" says written cat "$volume/note"
fact "the default storage class is there" says true kube get storageclass local -o yaml
fact "tokens for an audience are signed" kube create token default --audience check
kube delete deployment server --wait > /dev/null
kube delete pvc data --wait > /dev/null
fact "a deleted claim takes its folder with it" gone "$volume"
echo "figure: $passed of $passed facts hold"
