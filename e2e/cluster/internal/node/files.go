package node

import (
	"embed"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed files
var files embed.FS

// settings is what the configuration files are filled with.
type settings struct {
	Dir, Address, Name, PodNet, KubeletRoot string
	DNSIP, DNSDomain                        string
	DNSPort, ProxyPort                      int
	PauseImage, Snapshotter                 string
	Forward                                 bool
}

func (n Node) configure() error {
	if err := os.MkdirAll(n.path("etc", "cni"), 0o755); err != nil {
		return err
	}
	values := settings{
		Dir: n.Dir, Address: Address, Name: Name, PodNet: podNet, KubeletRoot: kubeletRoot,
		DNSIP: dnsIP, DNSDomain: dnsDomain, DNSPort: dnsPort, ProxyPort: proxyPort,
		PauseImage: pauseImage, Snapshotter: snapshotter(), Forward: hasResolver("/etc/resolv.conf"),
	}
	return errors.Join(
		n.access(),
		n.write("containerd.toml", values),
		n.write("kubelet.yaml", values),
		n.write("kube-proxy.yaml", values),
		n.write("Corefile", values),
		n.write("cni/pods.conflist", values),
		n.write("resolv.conf", values),
	)
}

// write fills files/NAME (the last part of the path) and puts it at DIR/etc/PATH.
func (n Node) write(path string, values settings) error {
	text, err := template.ParseFS(files, "files/"+filepath.Base(path))
	if err != nil {
		return err
	}
	file, err := os.Create(n.path("etc", path))
	if err != nil {
		return err
	}
	return errors.Join(text.Execute(file, values), file.Close())
}

// snapshotter is the fast one where the kernel can do it.
func snapshotter() string {
	known, _ := os.ReadFile("/proc/filesystems")
	if strings.Contains(string(known), "\toverlay\n") {
		return "overlayfs"
	}
	return "native"
}

// hasResolver tells whether names outside the cluster can be asked for at all.
func hasResolver(path string) bool {
	content, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(content), "\n") {
		if strings.HasPrefix(line, "nameserver ") {
			return true
		}
	}
	return false
}
