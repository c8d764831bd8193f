package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"streamgate.io/e2e/cluster/internal/controlplane"
)

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

func plane(dir string) (controlplane.Plane, error) {
	beside, err := tools()
	if err != nil {
		return controlplane.Plane{}, err
	}
	absolute, err := filepath.Abs(dir)
	return controlplane.Plane{Dir: absolute, Program: filepath.Join(beside, "k8s")}, err
}
