#!/usr/bin/env bash
# Prints what a cluster could leave on this machine, in a stable order, so that two runs compare:
#   snapshot.sh > before; cluster up; cluster down; snapshot.sh > after; diff before after
set -euo pipefail

section() { echo "== $1"; }

section processes
# Names of the cluster's programs and of what runs in pods; others of the machine come and go.
names='etcd|k8s|kube-.*|kubelet|containerd.*|coredns|runc|pause|cluster'
ps -eo stat=,comm= | awk '$1 !~ /^Z/ { print $2 }' | grep -xE "$names" | sort | uniq -c || true
echo "with the mark of a cluster: $(grep -lsz '^STREAMGATE_NODE=' /proc/[0-9]*/environ | wc -l || true)"

section mounts
awk '{ print $5 }' /proc/self/mountinfo | sort

section namespaces
# Ended processes that nobody has collected yet hold nothing any more.
live=$(ps -eo stat=,pid= | awk '$1 !~ /^Z/ { print $2 }')
for kind in mnt net pid; do
  echo "$kind $(for pid in $live; do readlink "/proc/$pid/ns/$kind" 2> /dev/null || true; done | sort -u | wc -l)"
done

section links
for link in /sys/class/net/*; do basename "$link"; done | sort
if command -v ip > /dev/null; then ip -o address | awk '{ print $2, $3, $4 }' | sort; fi

section routes
if command -v ip > /dev/null; then ip route | sort; fi

section rules
if command -v nft > /dev/null; then nft list ruleset | grep -v '^#' || true; fi
if command -v iptables-save > /dev/null; then iptables-save 2> /dev/null | grep -v '^#' || true; fi

section cgroups
# Others of the machine make groups below the first ones all the time.
find /sys/fs/cgroup -maxdepth 2 -type d | sort
find /sys/fs/cgroup -mindepth 3 -type d | grep -E 'kubepods|streamgate|k8s\.io|cri-containerd' | sort || true

section settings
for name in kernel/panic kernel/panic_on_oops kernel/keys/root_maxbytes kernel/keys/root_maxkeys \
  net/ipv4/ip_forward vm/overcommit_memory vm/panic_on_oom; do
  echo "$name $(cat "/proc/sys/$name" 2> /dev/null || true)"
done

section folders
for folder in /run/containerd /run/netns /run/runc /run/streamgate-cluster.json /var/lib/cni \
  /var/lib/containerd /var/lib/kubelet /var/log/containers /var/log/pods /opt/containerd; do
  if [ -e "$folder" ]; then find "$folder" | sort; fi
done
