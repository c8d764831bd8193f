// Package node runs a whole Kubernetes cluster of one node on a machine that has none.
//
// Everything lives in one folder: data, configuration, logs and the records of the processes.
// The node has an address on a bridge of its own, so nothing listens on the machine's network and
// a machine without any network will do. containerd and the kubelet share a private mount
// namespace: what they mount disappears with them, however they end.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"streamgate.io/e2e/cluster/internal/controlplane"
	"streamgate.io/e2e/cluster/internal/process"
)

const (
	// Address is the node's address; pods reach servers of the host there.
	Address = "10.245.0.1"
	// Name is the name of the Node object.
	Name = "node"

	podNet    = "10.244.0.0/24"
	dnsIP     = "10.96.0.10"
	dnsPort   = 10053
	dnsDomain = "cluster.local"
	// proxyPort is where kube-proxy says whether it has written its rules.
	proxyPort = 10256
)

// Node is a cluster in a folder; Tools is the folder of the k8s, coredns, pause and cluster binaries.
type Node struct {
	Dir   string
	Tools string
	Say   io.Writer
}

// Kubeconfig is the file of an administrator's access.
func (n Node) Kubeconfig() string { return n.plane().Kubeconfig() }

// Socket is where containerd is talked to.
func (n Node) Socket() string { return n.path("containerd", "containerd.sock") }

func (n Node) path(parts ...string) string {
	return filepath.Join(append([]string{n.Dir}, parts...)...)
}

func (n Node) tool(name string) string { return filepath.Join(n.Tools, name) }

func (n Node) plane() controlplane.Plane {
	return controlplane.Plane{Dir: n.Dir, Program: n.tool("k8s"), NodeAddress: Address}
}

func (n Node) group() process.Group {
	return process.Group{Records: n.path("run"), Logs: n.path("log")}
}

func (n Node) client() (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", n.Kubeconfig())
	if err != nil {
		return nil, err
	}
	config.Timeout = 5 * time.Second
	return kubernetes.NewForConfig(config)
}

// step runs one part of the work and says how long it took.
func (n Node) step(what string, work func() error) error {
	begin := time.Now()
	if err := work(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Fprintf(n.Say, "%-32s %5.1f s\n", what, time.Since(begin).Seconds())
	return nil
}

// await is until with an early end: a program that has died will not answer any more.
func (n Node) await(limit time.Duration, ask func(context.Context) error) error {
	var ended error
	err := until(limit, func(ctx context.Context) error {
		if ended = n.group().Ended(); ended != nil {
			return nil
		}
		return ask(ctx)
	})
	return errors.Join(ended, err)
}

// until asks again and again; the last answer is the error when the time is over.
func until(limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not after %s: %w", limit, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
