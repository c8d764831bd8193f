package node

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Status prints what runs; the error says what does not.
func (n Node) Status() error {
	names := n.group().Names()
	if len(names) == 0 {
		return fmt.Errorf("no cluster is there: start one with `cluster up`")
	}
	for _, name := range names {
		state := "ended"
		if pid := n.group().PID(name); pid != 0 {
			state = "pid " + strconv.Itoa(pid)
		}
		fmt.Fprintf(n.Say, "%-24s %s\n", name, state)
	}
	fmt.Fprintf(n.Say, "%-24s %s\n%-24s %s\n", "node address", Address, "kubeconfig", n.Kubeconfig())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.nodeReady(ctx); err != nil {
		return err
	}
	fmt.Fprintf(n.Say, "%-24s %s\n", "node", "Ready")
	return nil
}

// nodeReady asks the API server for the node's condition.
func (n Node) nodeReady(ctx context.Context) error {
	client, err := n.client()
	if err != nil {
		return err
	}
	node, err := client.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		if condition.Status == corev1.ConditionTrue {
			return nil
		}
		return fmt.Errorf("the node is not Ready: %s; see %s", condition.Message, n.group().Log("kubelet"))
	}
	return fmt.Errorf("the node says nothing about itself yet; see %s", n.group().Log("kubelet"))
}

// namesResolve asks CoreDNS, as pods do, for the API server.
func (n Node) namesResolve(ctx context.Context) error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, net.JoinHostPort(Address, strconv.Itoa(dnsPort)))
	}}
	_, err := resolver.LookupHost(ctx, "kubernetes.default.svc."+dnsDomain+".")
	return err
}

// servicesRouted asks kube-proxy whether its rules are in place.
func servicesRouted(ctx context.Context) error {
	url := "http://" + net.JoinHostPort(Address, strconv.Itoa(proxyPort)) + "/healthz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The machine's proxy settings are not for the machine itself.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("kube-proxy answers %s", response.Status)
	}
	return nil
}
