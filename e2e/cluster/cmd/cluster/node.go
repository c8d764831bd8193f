package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"streamgate.io/e2e/cluster/internal/node"
)

// useCurrent tells whether tests run on the cluster of the current kubectl context instead.
func useCurrent() bool { return os.Getenv("CLUSTER") == "current" }

func nodeCommands() []*cobra.Command {
	return []*cobra.Command{
		onNode("up", "Start a cluster of one node, or what of it has ended", "is used as it is; nothing to start", node.Node.Up),
		onNode("down", "End the cluster and remove all of it but its logs", "is left as it is", node.Node.Down),
		onNode("status", "Print what runs and whether the node is Ready", "is not watched from here", node.Node.Status),
		kubeconfig(),
		loadImage(),
	}
}

// onNode is a command on the cluster of a folder; another's cluster is left alone.
func onNode(name, short, current string, work func(node.Node) error) *cobra.Command {
	command := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs}
	dir := dirFlag(command)
	command.RunE = func(*cobra.Command, []string) error {
		if useCurrent() {
			fmt.Fprintf(os.Stderr, "CLUSTER=current: the cluster of the current kubectl context %s\n", current)
			return nil
		}
		n, err := open(*dir)
		if err != nil {
			return err
		}
		return work(n)
	}
	return command
}

func kubeconfig() *cobra.Command {
	command := &cobra.Command{Use: "kubeconfig", Short: "Print the path of the kubeconfig to use", Args: cobra.NoArgs}
	dir := dirFlag(command)
	command.RunE = func(*cobra.Command, []string) error {
		if useCurrent() {
			fmt.Println(clientcmd.NewDefaultClientConfigLoadingRules().GetDefaultFilename())
			return nil
		}
		n, err := open(*dir)
		if err != nil {
			return err
		}
		fmt.Println(n.Kubeconfig())
		return nil
	}
	return command
}

func loadImage() *cobra.Command {
	command := &cobra.Command{Use: "load-image FILE…", Short: "Let pods use the images of these archives", Args: cobra.MinimumNArgs(1)}
	dir := dirFlag(command)
	command.RunE = func(_ *cobra.Command, archives []string) error {
		if useCurrent() {
			return errors.New("with CLUSTER=current images come from a registry that your cluster reaches: push them there")
		}
		n, err := open(*dir)
		if err != nil {
			return err
		}
		return n.Load(archives...)
	}
	return command
}

func dirFlag(command *cobra.Command) *string {
	return command.Flags().String("dir", "target/cluster", "folder of the cluster")
}

func open(dir string) (node.Node, error) {
	beside, err := tools()
	if err != nil {
		return node.Node{}, err
	}
	absolute, err := filepath.Abs(dir)
	return node.Node{Dir: absolute, Tools: beside, Say: os.Stdout}, err
}
