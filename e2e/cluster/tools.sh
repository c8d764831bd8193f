#!/usr/bin/env bash
# Builds the named tools into target/tools/bin unless they are newer than their sources:
#   tools.sh k8s cluster pause probe coredns helm helm3
# k8s is the upstream Kubernetes programs in one binary and takes about 5 minutes once; coredns and
# helm are built from their released modules and take about 2 minutes each.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$here/../../target/tools/bin
version=v1.35.4
mkdir -p "$bin"
cd "$here"

stale() { # stale NAME: the tool is missing or older than a source of its own
  local sources=(go.sum "cmd/$1" internal)
  # The upstream programs use nothing of ours.
  [ "$1" != k8s ] || sources=(go.sum cmd/k8s)
  [ ! -x "$bin/$1" ] || [ -n "$(find "${sources[@]}" -newer "$bin/$1" -type f -print -quit)" ]
}

build() { # build NAME [FLAGS…]
  local name=$1
  stale "$name" || return 0
  shift
  echo "building $name"
  CGO_ENABLED=0 go build -trimpath "$@" -o "$bin/$name.part" "./cmd/$name"
  mv "$bin/$name.part" "$bin/$name"
}

release() { # release NAME MODULE@VERSION: a released program, built anew when the version changes
  local name=$1 module=$2 stamp=$bin/.$1.version
  if [ -x "$bin/$name" ] && [ "$(cat "$stamp" 2> /dev/null)" = "$module" ]; then return; fi
  echo "building $name"
  # Both Helms call themselves helm.
  mkdir -p "$bin/.$name"
  GOBIN=$(realpath "$bin/.$name") CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" "$module"
  mv "$bin/.$name/"* "$bin/$name"
  rmdir "$bin/.$name"
  echo "$module" > "$stamp"
}

for tool in "$@"; do
  case $tool in
    k8s)
      package=k8s.io/component-base/version
      build k8s -ldflags "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=35"
      ln -sf k8s "$bin/kubectl"
      ;;
    cluster | pause | probe) build "$tool" -ldflags "-s -w" ;;
    coredns) release coredns github.com/coredns/coredns@v1.14.7 ;;
    helm) release helm helm.sh/helm/v4/cmd/helm@v4.3.1 ;;
    helm3) release helm3 helm.sh/helm/v3/cmd/helm@v3.21.4 ;;
    *) echo "tools.sh: no tool is called $tool; name k8s, cluster, pause, probe, coredns, helm or helm3" >&2; exit 2 ;;
  esac
done
