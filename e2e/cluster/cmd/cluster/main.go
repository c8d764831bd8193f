package main

import (
	_ "github.com/google/go-containerregistry/pkg/name"
	_ "github.com/google/go-containerregistry/pkg/v1/empty"
	_ "github.com/google/go-containerregistry/pkg/v1/mutate"
	_ "github.com/google/go-containerregistry/pkg/v1/tarball"
	_ "github.com/spf13/cobra"
	_ "golang.org/x/sys/unix"
	_ "github.com/vishvananda/netlink"
	_ "k8s.io/client-go/informers"
	_ "k8s.io/client-go/kubernetes"
)

func main() {}
