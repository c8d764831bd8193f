package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestControlGroupMountsAreFound(t *testing.T) {
	mountinfo := "22 27 0:21 / /proc rw,relatime - proc proc rw\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw\n"
	got := cgroupMounts(mountinfo)
	if !slices.Equal(got, []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/unified"}) {
		t.Errorf("got %v", got)
	}
}

func TestEveryConfigurationFileIsFilledCompletely(t *testing.T) {
	n := Node{Dir: t.TempDir(), Tools: "/tools"}
	if err := n.configure(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"containerd.toml", "kubelet.yaml", "kube-proxy.yaml", "Corefile", "cni/pods.conflist", "resolv.conf"} {
		content, err := os.ReadFile(filepath.Join(n.Dir, "etc", name))
		if err != nil || len(content) == 0 || strings.Contains(string(content), "{{") || strings.Contains(string(content), "<no value>") {
			t.Errorf("%s: %v\n%s", name, err, content)
		}
	}
}

func TestSecondClusterOnAMachineIsRefusedWithTheFirstOnesFolder(t *testing.T) {
	first, second := Node{Dir: t.TempDir()}, Node{Dir: t.TempDir()}
	noteFile = filepath.Join(t.TempDir(), "note.json")
	if err := first.takeNote(); err != nil {
		t.Fatal(err)
	}
	if err := second.Down(); err == nil || !strings.Contains(err.Error(), first.Dir) {
		t.Errorf("got %v", err)
	}
}
