// Command k8s is every Kubernetes program a single node needs, in one binary.
//
// The upstream command constructors are linked together so that one build
// serves all of them: the dependencies, which are most of the work, are shared.
// The component is chosen by the name the binary is called by, or else by its
// first argument: `kubectl get pods` and `k8s kubectl get pods` are the same.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var components = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": manager.NewControllerManagerCommand,
	"kube-proxy":              proxy.NewProxyCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubectl":                 func() *cobra.Command { return cmd.NewDefaultKubectlCommand() },
	"kubelet":                 newKubelet,
}

func newKubelet() *cobra.Command {
	return kubelet.NewKubeletCommand(context.Background())
}

func main() {
	name, args := choose(os.Args)
	command, known := components[name]
	if !known {
		fmt.Fprintf(os.Stderr, "unknown component %q: call one of %s\n", name, strings.Join(names(), ", "))
		os.Exit(2)
	}
	// Cobra, and kubectl's plugin lookup, read os.Args themselves.
	os.Args = args
	if name == "kubectl" {
		runKubectl(command())
		return
	}
	os.Exit(cli.Run(command()))
}

// choose returns the component's name and the arguments as that component expects them.
func choose(args []string) (string, []string) {
	called := filepath.Base(args[0])
	if _, known := components[called]; known || len(args) < 2 {
		return called, args
	}
	return args[1], args[1:]
}

// runKubectl reports errors as kubectl does, exit codes of plugins and `exec` included.
func runKubectl(command *cobra.Command) {
	rest.SetDefaultWarningHandler(rest.NewWarningWriter(os.Stderr, rest.WarningWriterOptions{Deduplicate: true}))
	if err := cli.RunNoErrOutput(command); err != nil {
		util.CheckErr(err)
	}
}

func names() []string {
	all := make([]string, 0, len(components))
	for name := range components {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
