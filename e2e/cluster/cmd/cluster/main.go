// Command cluster runs a real Kubernetes for tests on a machine that has none: a control plane
// alone, or a whole cluster of one node, and the images that its pods run.
package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "cluster", Short: "Kubernetes for tests", SilenceUsage: true}
	root.AddCommand(controlPlane(), writeImage())
	root.AddCommand(nodeCommands()...)
	root.AddCommand(innerCommands()...)
	if root.Execute() != nil {
		os.Exit(1)
	}
}

// tools is the folder of this program; the others are built into the same one.
func tools() (string, error) {
	own, err := os.Executable()
	return filepath.Dir(own), err
}
