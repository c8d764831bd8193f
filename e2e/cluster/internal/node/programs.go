package node

import (
	"streamgate.io/e2e/cluster/internal/controlplane"
	"streamgate.io/e2e/cluster/internal/pki"
	"streamgate.io/e2e/cluster/internal/process"
)

// clients are the programs that talk to the API server with a name of their own.
var clients = []pki.Leaf{
	{File: "kube-scheduler", Name: "system:kube-scheduler"},
	{File: "kube-proxy", Name: "system:kube-proxy"},
	{File: "kubelet", Name: "system:node:" + Name, Groups: []string{"system:nodes"}, Hosts: []string{Address, Name}},
	{File: "coredns", Name: "streamgate:coredns"},
	{File: "provisioner", Name: "streamgate:provisioner"},
}

// access makes certificate and kubeconfig of every program.
func (n Node) access() error {
	authority, err := pki.Open(n.plane().PKI(), "ca")
	if err != nil {
		return err
	}
	for _, leaf := range clients {
		if err := authority.Issue(leaf); err != nil {
			return err
		}
		server := "https://" + Address + ":6443"
		if err := controlplane.Access(n.clientConfig(leaf.File), server, n.plane().PKI(), leaf.File); err != nil {
			return err
		}
	}
	return nil
}

func (n Node) clientConfig(client string) string { return n.path("etc", client+".kubeconfig") }

// programs are those that need the API server, in the order of their start.
func (n Node) programs() []process.Spec {
	return []process.Spec{
		n.kubelet(),
		{Name: "kube-scheduler", Args: []string{
			n.tool("k8s"), "kube-scheduler",
			"--kubeconfig=" + n.clientConfig("kube-scheduler"),
			"--secure-port=0",
			"--leader-elect=false",
		}},
		{Name: "kube-proxy", Args: []string{n.tool("k8s"), "kube-proxy", "--config=" + n.path("etc", "kube-proxy.yaml")}},
		{Name: "coredns", Args: []string{n.tool("coredns"), "-conf", n.path("etc", "Corefile")}},
		{Name: "provisioner", Args: []string{
			n.tool("cluster"), "provision",
			"--kubeconfig", n.clientConfig("provisioner"),
			"--volumes", n.path("volumes"),
		}},
	}
}

func (n Node) containerd() process.Spec {
	return n.inside("containerd", "containerd", "--config", n.path("etc", "containerd.toml"))
}

func (n Node) kubelet() process.Spec {
	return n.inside("kubelet", n.tool("k8s"), "kubelet",
		"--config="+n.path("etc", "kubelet.yaml"),
		"--kubeconfig="+n.clientConfig("kubelet"),
		"--node-ip="+Address,
		"--hostname-override="+Name,
		"--root-dir="+kubeletRoot,
	)
}

// inside is a program that runs in the node's mount namespace.
func (n Node) inside(name string, command ...string) process.Spec {
	return process.Spec{Name: name, Args: append([]string{n.tool("cluster"), "enter", "--dir", n.Dir, "--"}, command...)}
}
