package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"streamgate.io/e2e/cluster/internal/provision"
)

// innerCommands are programs of a running cluster; `up` starts them.
func innerCommands() []*cobra.Command {
	return []*cobra.Command{enter(), provisioner()}
}

func enter() *cobra.Command {
	command := &cobra.Command{Use: "enter -- COMMAND…", Short: "Run a command in the node's mount namespace", Args: cobra.MinimumNArgs(1), Hidden: true}
	dir := dirFlag(command)
	command.RunE = func(_ *cobra.Command, args []string) error {
		n, err := open(*dir)
		if err != nil {
			return err
		}
		return n.Enter(args)
	}
	return command
}

func provisioner() *cobra.Command {
	var access, volumes string
	command := &cobra.Command{Use: "provision", Short: "Make volumes for claims", Args: cobra.NoArgs, Hidden: true}
	command.Flags().StringVar(&access, "kubeconfig", "", "access to the API server")
	command.Flags().StringVar(&volumes, "volumes", "", "folder of the volumes")
	command.RunE = func(command *cobra.Command, _ []string) error {
		config, err := clientcmd.BuildConfigFromFlags("", access)
		if err != nil {
			return err
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(command.Context(), syscall.SIGTERM, os.Interrupt)
		defer stop()
		provision.Provisioner{Client: client, Root: volumes, Say: os.Stdout}.Run(ctx)
		return nil
	}
	return command
}
