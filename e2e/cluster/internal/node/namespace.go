package node

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
)

const kubeletRoot = "/var/lib/kubelet"

// fixedFolders are paths that programs have built in, with the folder of ours that lies there
// inside the node's mount namespace.
var fixedFolders = map[string]string{
	kubeletRoot:           "kubelet",
	"/run/containerd":     "containerd/run",
	"/var/lib/cni":        "cni/cache",
	"/var/log/containers": "containerd/log-links",
}

// Enter turns this process into the command, in the node's mount namespace.
//
// Whoever comes first makes the namespace. Later ones, also a program that is started anew, join
// one that is in it, since containerd must see what the kubelet mounts for the pods.
func (n Node) Enter(command []string) error {
	program, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	if member := n.member(); member != 0 {
		return join(member, append([]string{program}, command[1:]...))
	}
	// A mount namespace belongs to a thread until the program is replaced.
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_SLAVE|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("keep mounts from leaving the namespace: %w", err)
	}
	for at, folder := range fixedFolders {
		if err := syscall.Mount(n.path(folder), at, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s at %s: %w", n.path(folder), at, err)
		}
	}
	return syscall.Exec(program, command, os.Environ())
}

func join(member int, command []string) error {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return err
	}
	args := append([]string{"nsenter", "--mount", "--target", strconv.Itoa(member), "--"}, command...)
	return syscall.Exec(nsenter, args, os.Environ())
}

// member is a process in the node's mount namespace, or 0.
func (n Node) member() int {
	candidates := append(n.shims(), n.group().PID("containerd"), n.group().PID("kubelet"))
	for _, pid := range candidates {
		if pid != 0 && pid != os.Getpid() && mountNamespace(pid) != mountNamespace(os.Getpid()) {
			return pid
		}
	}
	return 0
}

func mountNamespace(pid int) string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	return name
}

// makeFolders makes ours and the mount points.
func (n Node) makeFolders() error {
	for at, folder := range fixedFolders {
		if err := os.MkdirAll(n.path(folder), 0o755); err != nil {
			return err
		}
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
	}
	return os.MkdirAll(n.path("volumes"), 0o755)
}
