// Command cluster runs a real Kubernetes control plane for tests on a machine that has none.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"streamgate.io/e2e/cluster/internal/controlplane"
)

func main() {
	root := &cobra.Command{Use: "cluster", Short: "Kubernetes for tests", SilenceUsage: true}
	root.AddCommand(controlPlane())
	if root.Execute() != nil {
		os.Exit(1)
	}
}

func controlPlane() *cobra.Command {
	var dir string
	command := &cobra.Command{Use: "control-plane", Short: "etcd, API server and controllers on loopback, no node"}
	command.PersistentFlags().StringVar(&dir, "dir", "", "folder of this control plane")
	_ = command.MarkPersistentFlagRequired("dir")
	command.AddCommand(
		&cobra.Command{
			Use:   "up",
			Short: "Start it; the last line printed is the path of its kubeconfig",
			RunE: func(*cobra.Command, []string) error {
				plane, err := plane(dir)
				if err != nil {
					return err
				}
				if err := plane.Up(); err != nil {
					return err
				}
				fmt.Println(plane.Kubeconfig())
				return nil
			},
		},
		&cobra.Command{
			Use:   "down",
			Short: "End it",
			RunE: func(*cobra.Command, []string) error {
				plane, err := plane(dir)
				if err != nil {
					return err
				}
				return plane.Down()
			},
		},
	)
	return command
}

// plane is the control plane of the folder; the Kubernetes binary lies beside this one.
func plane(dir string) (controlplane.Plane, error) {
	own, err := os.Executable()
	if err != nil {
		return controlplane.Plane{}, err
	}
	absolute, err := filepath.Abs(dir)
	program := filepath.Join(filepath.Dir(own), "k8s")
	return controlplane.Plane{Dir: absolute, Program: program, Say: os.Stderr}, err
}
