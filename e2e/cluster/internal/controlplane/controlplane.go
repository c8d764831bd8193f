// Package controlplane runs etcd, kube-apiserver and kube-controller-manager on loopback.
//
// It is what integration tests need of Kubernetes: every object can be stored, defaulted,
// validated and garbage-collected, and nothing is ever scheduled. Each control plane lives in a
// folder of its own and picks free ports, so several run side by side.
package controlplane

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"streamgate.io/e2e/cluster/internal/pki"
	"streamgate.io/e2e/cluster/internal/process"
)

const (
	loopback   = "127.0.0.1"
	issuer     = "https://kubernetes.default.svc"
	serviceNet = "10.96.0.0/16"
	grace      = 10 * time.Second
)

// Plane is a control plane in a folder; Program is the multi-call Kubernetes binary.
type Plane struct {
	Dir     string
	Program string
	Say     io.Writer
}

// ports are the listening ports of one run; they are picked anew when nothing runs.
type ports struct{ etcd, peer, api int }

// Kubeconfig is the file of an administrator's access.
func (p Plane) Kubeconfig() string { return filepath.Join(p.Dir, "kubeconfig") }

// Up starts what does not run yet and waits until the API server is ready.
func (p Plane) Up() error {
	if p.whole() && p.ready() == nil {
		return nil
	}
	if err := p.Down(); err != nil {
		return err
	}
	picked, err := pick()
	if err != nil {
		return err
	}
	if err := p.certificates(); err != nil {
		return err
	}
	if err := p.writeKubeconfig(picked); err != nil {
		return err
	}
	for _, spec := range p.programs(picked) {
		p.say("starting %s", spec.Name)
		if err := p.group().Start(spec); err != nil {
			return err
		}
	}
	return p.await(60 * time.Second)
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

func (p Plane) pki() string { return filepath.Join(p.Dir, "pki") }

func (p Plane) certificates() error {
	authority, err := pki.Open(p.pki(), "ca")
	if err != nil {
		return err
	}
	leaves := []pki.Leaf{
		{File: "apiserver", Name: "kube-apiserver", Hosts: []string{loopback, "10.96.0.1", "localhost", "kubernetes", "kubernetes.default.svc"}},
		{File: "admin", Name: "admin", Groups: []string{"system:masters"}},
	}
	for _, leaf := range leaves {
		if err := authority.Issue(leaf); err != nil {
			return err
		}
	}
	return pki.ServiceAccountKey(p.pki(), "service-account")
}

func (p Plane) programs(at ports) []process.Spec {
	return []process.Spec{
		{Name: "etcd", Args: append([]string{"etcd"}, p.etcd(at)...)},
		{Name: "kube-apiserver", Args: append([]string{p.Program, "kube-apiserver"}, p.apiserver(at)...)},
		{Name: "kube-controller-manager", Args: append([]string{p.Program, "kube-controller-manager"}, p.manager()...)},
	}
}

func (p Plane) etcd(at ports) []string {
	client, peer := url("http", at.etcd), url("http", at.peer)
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
	public := filepath.Join(p.pki(), "service-account.pub")
	return []string{
		"--etcd-servers=" + url("http", at.etcd),
		"--bind-address=" + loopback,
		"--advertise-address=" + loopback,
		// An advertised loopback address cannot be published as endpoints.
		"--endpoint-reconciler-type=none",
		fmt.Sprintf("--secure-port=%d", at.api),
		"--tls-cert-file=" + pki.Cert(p.pki(), "apiserver"),
		"--tls-private-key-file=" + pki.Key(p.pki(), "apiserver"),
		"--client-ca-file=" + pki.Cert(p.pki(), "ca"),
		"--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=" + serviceNet,
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + public,
		"--service-account-signing-key-file=" + pki.Key(p.pki(), "service-account"),
	}
}

func (p Plane) manager() []string {
	return []string{
		"--kubeconfig=" + p.Kubeconfig(),
		"--bind-address=" + loopback,
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--root-ca-file=" + pki.Cert(p.pki(), "ca"),
		"--service-account-private-key-file=" + pki.Key(p.pki(), "service-account"),
		"--use-service-account-credentials",
	}
}

// pick asks the kernel for free ports; they are held until all are known, so they differ.
func pick() (ports, error) {
	var picked [3]int
	for i := range picked {
		listener, err := net.Listen("tcp", loopback+":0")
		if err != nil {
			return ports{}, fmt.Errorf("pick a free port: %w", err)
		}
		defer listener.Close()
		picked[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports{picked[0], picked[1], picked[2]}, nil
}

func url(scheme string, port int) string {
	return fmt.Sprintf("%s://%s:%d", scheme, loopback, port)
}

// await waits for readiness; a program that has ended meanwhile is named with the end of its log.
func (p Plane) await(limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := p.ready()
		if err == nil {
			p.say("the API server is ready")
			return nil
		}
		if dead := p.dead(); dead != "" {
			return fmt.Errorf("%s ended: %s", dead, tail(p.group().Log(dead)))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the API server is not ready after %s: %w", limit, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// whole tells whether every program was started and still runs.
func (p Plane) whole() bool {
	return len(p.group().Names()) == 3 && p.dead() == ""
}

func (p Plane) dead() string {
	for _, name := range p.group().Names() {
		if !p.group().Alive(name) {
			return name
		}
	}
	return ""
}

func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

func (p Plane) say(format string, values ...any) {
	fmt.Fprintf(p.Say, format+"\n", values...)
}
