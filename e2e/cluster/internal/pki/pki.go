// Package pki makes the certificates and keys of one cluster.
//
// Everything lives as PEM files in one folder: an authority, a certificate per
// component, and the key that signs service account tokens. Files that exist
// are kept, so a restarted cluster keeps trusting the clients it had.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const lifetime = 10 * 365 * 24 * time.Hour

// Authority signs certificates and keeps them in its folder.
type Authority struct {
	dir  string
	name string
	cert *x509.Certificate
	key  crypto.Signer
}

// Leaf describes a certificate; one with hosts can serve, all can be a client.
type Leaf struct {
	File   string
	Name   string
	Groups []string
	Hosts  []string
}

// Open loads the authority of that name from the folder, or makes it.
func Open(dir, name string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	authority := &Authority{dir: dir, name: name}
	if exists(authority.CertFile()) {
		return authority, authority.load()
	}
	return authority, authority.create()
}

// CertFile is the authority's own certificate.
func (a *Authority) CertFile() string { return Cert(a.dir, a.name) }

// KeyFile is the authority's private key.
func (a *Authority) KeyFile() string { return Key(a.dir, a.name) }

// Cert is the certificate file of that name.
func Cert(dir, name string) string { return filepath.Join(dir, name+".crt") }

// Key is the private key file of that name.
func Key(dir, name string) string { return filepath.Join(dir, name+".key") }

// Issue writes certificate and key of a leaf unless they exist.
func (a *Authority) Issue(leaf Leaf) error {
	if exists(Cert(a.dir, leaf.File)) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := template(leaf.Name, leaf.Groups)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(leaf.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	addHosts(template, leaf.Hosts)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("sign the certificate of %s: %w", leaf.Name, err)
	}
	return write(a.dir, leaf.File, der, key)
}

// ServiceAccountKey writes the key pair that signs service account tokens: NAME.key and NAME.pub.
func ServiceAccountKey(dir, name string) error {
	public := filepath.Join(dir, name+".pub")
	if exists(public) {
		return nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return errors.Join(writeKey(Key(dir, name), key), writePEM(public, "PUBLIC KEY", der, 0o644))
}

func (a *Authority) create() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := template(a.name, nil)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := write(a.dir, a.name, der, key); err != nil {
		return err
	}
	return a.load()
}

func (a *Authority) load() error {
	der, err := readPEM(a.CertFile())
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	if der, err = readPEM(a.KeyFile()); err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return err
	}
	signer, fits := key.(crypto.Signer)
	if !fits {
		return fmt.Errorf("%s holds no signing key: delete the folder to have it made anew", a.KeyFile())
	}
	a.key = signer
	return nil
}

func template(name string, groups []string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: groups},
		// Clocks of the machine's containers are its own; an hour covers a clock set back meanwhile.
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(lifetime),
	}
}

func addHosts(template *x509.Certificate, hosts []string) {
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
}

func write(dir, name string, der []byte, key crypto.Signer) error {
	// The certificate comes last: its presence says that the pair is complete.
	if err := writeKey(Key(dir, name), key); err != nil {
		return err
	}
	return writePEM(Cert(dir, name), "CERTIFICATE", der, 0o644)
}

func writeKey(path string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "PRIVATE KEY", der, 0o600)
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

func readPEM(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s is not a PEM file: delete the folder to have it made anew", path)
	}
	return block.Bytes, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
