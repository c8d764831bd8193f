#!/usr/bin/env bash
# Builds the named tools into target/tools/bin unless they are newer than their sources:
#   tools.sh k8s cluster
# k8s is the upstream Kubernetes programs in one binary and takes about 5 minutes once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$here/../../target/tools/bin
version=v1.35.4
mkdir -p "$bin"
cd "$here"

stale() { # stale NAME: the tool is missing or older than a source of its own
  [ ! -x "$bin/$1" ] || [ -n "$(find go.mod go.sum "cmd/$1" internal -newer "$bin/$1" -type f -print -quit)" ]
}

build() { # build NAME [FLAGS…]
  local name=$1
  shift
  echo "building $name"
  CGO_ENABLED=0 go build -trimpath "$@" -o "$bin/$name.part" "./cmd/$name"
  mv "$bin/$name.part" "$bin/$name"
}

for tool in "$@"; do
  stale "$tool" || continue
  case $tool in
    k8s)
      package=k8s.io/component-base/version
      build k8s -ldflags "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=35"
      ln -sf k8s "$bin/kubectl"
      ;;
    cluster) build cluster ;;
    *) echo "tools.sh: no tool is called $tool; name k8s or cluster" >&2; exit 2 ;;
  esac
done
