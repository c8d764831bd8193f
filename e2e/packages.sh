#!/usr/bin/env bash
# Installs the Debian packages that building and testing need; does nothing when they are there.
#   packages.sh           what building and the tests without a node need
#   packages.sh cluster   the same, and what a node needs to run pods
#   packages.sh nginx     the same, and the web server that claims on speed compare with
#   packages.sh browser   the same, and the browser that claims play in
#   packages.sh databases the same, and the servers that catalog and limits are tested on
set -euo pipefail
packages=(
  etcd-server pkg-config clang libclang-dev ffmpeg
  libavcodec-dev libavformat-dev libavutil-dev libavfilter-dev libavdevice-dev
  libswscale-dev libswresample-dev
)
case ${1-} in
  '') ;;
  cluster) packages+=(containerd runc containernetworking-plugins iptables nftables conntrack iproute2 util-linux) ;;
  nginx) packages+=(nginx openssl) ;;
  browser) packages+=(chromium) ;;
  databases) packages+=(postgresql redis-server) ;;
  *) echo "packages.sh: there is no group called $1; name cluster, nginx, browser, databases or nothing" >&2; exit 2 ;;
esac
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "these packages are missing: ${missing[*]}; install them with apt-get, or run as root" >&2
  exit 1
fi
echo "installing ${missing[*]}"
apt-get update -qq
# Run level 1: nothing that is installed starts a service of its own.
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
