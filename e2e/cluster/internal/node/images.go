package node

import (
	"context"
	"fmt"
	"time"

	"streamgate.io/e2e/cluster/internal/image"
)

// pauseImage holds a pod's namespaces. It exists on this machine only, so nobody ever pulls it.
const pauseImage = "docker.io/library/streamgate-pause:1"

// Load puts image archives where the kubelet finds them.
func (n Node) Load(archives ...string) error {
	for _, archive := range archives {
		if !exists(archive) {
			return fmt.Errorf("%s does not exist: make it with `cluster image`", archive)
		}
		if err := run("", "ctr", "--address", n.Socket(), "--namespace", "k8s.io", "images", "import", archive); err != nil {
			return err
		}
	}
	return nil
}

// loadPause makes the image of the pause program; it also waits for containerd to answer.
func (n Node) loadPause() error {
	archive := n.path("pause.tar")
	err := image.Spec{
		Name:       pauseImage,
		Files:      []image.File{{Source: n.tool("pause"), Path: "/pause", Mode: 0o755}},
		Entrypoint: []string{"/pause"},
		User:       "65535:65535",
	}.Write(archive)
	if err != nil {
		return err
	}
	return until(20*time.Second, func(context.Context) error { return n.Load(archive) })
}
