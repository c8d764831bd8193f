package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
)

func TestIssuedCertificateIsTrustedForItsHostsOnly(t *testing.T) {
	dir := t.TempDir()
	authority, err := Open(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	leaf := Leaf{File: "server", Name: "server", Groups: []string{"g"}, Hosts: []string{"kubernetes.default.svc", "10.96.0.1"}}
	if err := authority.Issue(leaf); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(Cert(dir, "server"), Key(dir, "server"))
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(pair.Certificate[0])
	roots := x509.NewCertPool()
	roots.AddCert(authority.cert)
	for host, trusted := range map[string]bool{"kubernetes.default.svc": true, "10.96.0.1": true, "example.com": false} {
		_, err := cert.Verify(x509.VerifyOptions{DNSName: host, Roots: roots})
		if (err == nil) != trusted {
			t.Errorf("%s: trusted should be %v, got %v", host, trusted, err)
		}
	}
}

func TestOpeningAgainKeepsEveryFile(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Issue(Leaf{File: "client", Name: "client"}); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(Cert(dir, "client"))
	second, err := Open(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Issue(Leaf{File: "client", Name: "client"}); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(Cert(dir, "client"))
	if string(before) != string(after) {
		t.Error("a certificate that existed was replaced")
	}
}
