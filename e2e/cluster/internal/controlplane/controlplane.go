// Package controlplane runs etcd, kube-apiserver and kube-controller-manager.
//
// On loopback it is what integration tests need of Kubernetes: every object can be stored,
// defaulted, validated and garbage-collected, and nothing is ever scheduled. Each control plane
// lives in a folder of its own and picks free ports, so several run side by side. A node needs the
// same programs on an address that pods reach.
package controlplane

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"streamgate.io/e2e/cluster/internal/pki"
	"streamgate.io/e2e/cluster/internal/process"
)

const (
	loopback   = "127.0.0.1"
	issuer     = "https://kubernetes.default.svc"
	serviceNet = "10.96.0.0/16"
	grace      = 10 * time.Second
	patience   = 90 * time.Second
)

// nodeAPIPort is the API server's port when it serves a node; the address is the node's own.
const nodeAPIPort = 6443

// Plane is a control plane in a folder; Program is the multi-call Kubernetes binary.
// With a NodeAddress the API server listens there, publishes it to pods and calls the kubelet.
type Plane struct {
	Dir         string
	Program     string
	NodeAddress string
}

// ports are the listening ports of one run; they are picked anew when nothing runs.
type ports struct{ etcd, peer, api int }

// Kubeconfig is the file of an administrator's access.
func (p Plane) Kubeconfig() string { return filepath.Join(p.Dir, "kubeconfig") }

// Up starts what does not run yet and waits until the API server is ready.
func (p Plane) Up() error {
	if p.whole() && p.answers(readyz, defaultAccount) == nil {
		return nil
	}
	if err := p.Down(); err != nil {
		return err
	}
	return p.Launch(p.group().Start)
}

// Launch writes certificates and kubeconfig, starts the programs one after the other and waits.
func (p Plane) Launch(start func(process.Spec) error) error {
	picked, err := p.pick()
	if err != nil {
		return err
	}
	if err := p.certificates(); err != nil {
		return err
	}
	if err := Access(p.Kubeconfig(), fmt.Sprintf("https://%s:%d", p.host(), picked.api), p.PKI(), "admin"); err != nil {
		return err
	}
	for _, spec := range []process.Spec{
		{Name: "etcd", Args: append([]string{"etcd"}, p.etcd(picked)...)},
		{Name: "kube-apiserver", Args: append([]string{p.Program, "kube-apiserver"}, p.apiserver(picked)...)},
	} {
		if err := start(spec); err != nil {
			return err
		}
	}
	// The controllers give up when a busy machine keeps the API server from answering soon.
	if err := p.await(readyz); err != nil {
		return err
	}
	manager := process.Spec{Name: "kube-controller-manager", Args: append([]string{p.Program, "kube-controller-manager"}, p.manager()...)}
	if err := start(manager); err != nil {
		return err
	}
	return p.await(readyz, defaultAccount)
}

// Down ends what runs, the API server before the store it writes to.
func (p Plane) Down() error {
	var all []error
	for _, name := range []string{"kube-controller-manager", "kube-apiserver", "etcd"} {
		all = append(all, p.group().Stop(name, grace))
	}
	return errors.Join(all...)
}

func (p Plane) group() process.Group {
	return process.Group{Records: filepath.Join(p.Dir, "run"), Logs: filepath.Join(p.Dir, "log")}
}

// PKI is the folder of the certificates; the authority is called ca.
func (p Plane) PKI() string { return filepath.Join(p.Dir, "pki") }

// host is the address of the API server.
func (p Plane) host() string {
	if p.NodeAddress != "" {
		return p.NodeAddress
	}
	return loopback
}

func (p Plane) certificates() error {
	authority, err := pki.Open(p.PKI(), "ca")
	if err != nil {
		return err
	}
	leaves := []pki.Leaf{
		{File: "apiserver", Name: "kube-apiserver", Hosts: []string{p.host(), "10.96.0.1", "localhost", "kubernetes", "kubernetes.default.svc"}},
		{File: "admin", Name: "admin", Groups: []string{"system:masters"}},
	}
	for _, leaf := range leaves {
		if err := authority.Issue(leaf); err != nil {
			return err
		}
	}
	return pki.ServiceAccountKey(p.PKI(), "service-account")
}

func (p Plane) etcd(at ports) []string {
	client, peer := local(at.etcd), local(at.peer)
	return []string{
		"--name=default",
		"--data-dir=" + filepath.Join(p.Dir, "etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=default=" + peer,
		// What a test stores may be lost with the machine.
		"--unsafe-no-fsync",
	}
}

func (p Plane) apiserver(at ports) []string {
	public := filepath.Join(p.PKI(), "service-account.pub")
	flags := []string{
		"--etcd-servers=" + local(at.etcd),
		"--bind-address=" + p.host(),
		"--advertise-address=" + p.host(),
		fmt.Sprintf("--secure-port=%d", at.api),
		"--tls-cert-file=" + pki.Cert(p.PKI(), "apiserver"),
		"--tls-private-key-file=" + pki.Key(p.PKI(), "apiserver"),
		"--client-ca-file=" + pki.Cert(p.PKI(), "ca"),
		"--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=" + serviceNet,
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + public,
		"--service-account-signing-key-file=" + pki.Key(p.PKI(), "service-account"),
	}
	if p.NodeAddress == "" {
		// An advertised loopback address cannot be published as endpoints.
		return append(flags, "--endpoint-reconciler-type=none")
	}
	return append(flags,
		// Whether a pod may be privileged is for its namespace to say.
		"--allow-privileged",
		"--enable-admission-plugins=NodeRestriction",
		// A node's host name need not resolve; its address always works for logs and exec.
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-certificate-authority="+pki.Cert(p.PKI(), "ca"),
		"--kubelet-client-certificate="+pki.Cert(p.PKI(), "admin"),
		"--kubelet-client-key="+pki.Key(p.PKI(), "admin"),
	)
}

func (p Plane) manager() []string {
	return []string{
		"--kubeconfig=" + p.Kubeconfig(),
		"--bind-address=" + loopback,
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--root-ca-file=" + pki.Cert(p.PKI(), "ca"),
		"--service-account-private-key-file=" + pki.Key(p.PKI(), "service-account"),
		"--use-service-account-credentials",
	}
}

// pick asks the kernel for free ports; they are held until all are known, so they differ.
func (p Plane) pick() (ports, error) {
	var picked [3]int
	for i := range picked {
		listener, err := net.Listen("tcp", loopback+":0")
		if err != nil {
			return ports{}, fmt.Errorf("pick a free port: %w", err)
		}
		defer listener.Close()
		picked[i] = listener.Addr().(*net.TCPAddr).Port
	}
	if p.NodeAddress != "" {
		return ports{picked[0], picked[1], nodeAPIPort}, nil
	}
	return ports{picked[0], picked[1], picked[2]}, nil
}

func local(port int) string {
	return fmt.Sprintf("http://%s:%d", loopback, port)
}

// await waits until the paths answer; a program that has ended meanwhile is named with its log's end.
func (p Plane) await(paths ...string) error {
	deadline := time.Now().Add(patience)
	for {
		err := p.answers(paths...)
		if err == nil {
			return nil
		}
		if ended := p.group().Ended(); ended != nil {
			return ended
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the API server is not ready after %s: %w", patience, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// whole tells whether every program was started and still runs.
func (p Plane) whole() bool {
	return len(p.group().Names()) == 3 && p.group().Ended() == nil
}
