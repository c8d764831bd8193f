package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// possible tells at once why this machine cannot run a node.
func (n Node) possible() error {
	for _, check := range []func() error{rights, hasPrograms, n.hasTools} {
		if err := check(); err != nil {
			return fmt.Errorf("%w; or use the cluster of your current kubectl context with CLUSTER=current", err)
		}
	}
	return nil
}

func rights() error {
	if os.Geteuid() != 0 {
		return errors.New("running a node needs root: call it as root")
	}
	command := exec.Command("true")
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	if err := command.Run(); err != nil {
		return fmt.Errorf("this machine does not allow mount and network namespaces (%w): use one that does", err)
	}
	roots := hierarchies()
	if len(roots) == 0 {
		return errors.New("no control groups are mounted: mount cgroup2 at /sys/fs/cgroup")
	}
	probe := filepath.Join(roots[0], cgroup+"-probe")
	if err := errors.Join(os.Mkdir(probe, 0o755), os.Remove(probe)); err != nil {
		return fmt.Errorf("this machine does not allow control groups to be made (%w): use one that does", err)
	}
	return nil
}

// hasPrograms looks for what comes from Debian packages.
func hasPrograms() error {
	for _, name := range []string{"etcd", "containerd", "containerd-shim-runc-v2", "runc", "nft", "ip", "nsenter", "/usr/lib/cni/ptp"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%s is not installed: run `e2e/packages.sh cluster`", name)
		}
	}
	return nil
}

// hasTools looks for what is built beside this program.
func (n Node) hasTools() error {
	for _, name := range []string{"k8s", "coredns", "pause"} {
		if _, err := exec.LookPath(n.tool(name)); err != nil {
			return fmt.Errorf("%s is not built: run `e2e/cluster/tools.sh %s`", n.tool(name), name)
		}
	}
	return nil
}
