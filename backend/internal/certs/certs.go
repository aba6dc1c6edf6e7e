// Package certs gives TLS its certificates: from files, which are read again when
// they change, or from a certificate authority that speaks ACME, as Let's Encrypt.
package certs

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// A Source has the certificate for each handshake.
type Source interface {
	// TLS is the configuration to serve with.
	TLS() *tls.Config
	// HTTP answers what the authority asks over plain HTTP, and leaves the rest to other.
	HTTP(other http.Handler) http.Handler
}

// files is a certificate in two files.
type files struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   stamp     // of what is current, or was found to be of no use
	looked  time.Time // when it was compared last
}

// lookEvery is how long a change of the files may go unnoticed.
const lookEvery = time.Second

// stamp tells whether the files are those that were read.
type stamp struct {
	cert, key         time.Time
	certSize, keySize int64
}

// FromFiles returns the certificate chain and the key in two PEM files. They may be
// replaced at any time: as soon as they fit each other, they are used.
func FromFiles(cert, key string, log *slog.Logger) (Source, error) {
	f := &files{cert: cert, key: key, log: log}
	var err error
	if f.stamp, err = f.look(); err != nil {
		return nil, fmt.Errorf("-tls-cert or -tls-key cannot be read: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("-tls-cert %q and -tls-key %q are no certificate and its key in PEM: %w", cert, key, err)
	}
	f.current = &pair
	return f, nil
}

func (f *files) look() (s stamp, err error) {
	cert, err := os.Stat(f.cert)
	if err != nil {
		return s, err
	}
	key, err := os.Stat(f.key)
	if err != nil {
		return s, err
	}
	return stamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}

func (f *files) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.get(time.Now()), nil }}
}

// get returns the certificate in the files, or the last one that was good.
func (f *files) get(now time.Time) *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.looked) < lookEvery {
		return f.current
	}
	f.looked = now
	found, err := f.look()
	if err != nil || found == f.stamp {
		return f.current // while they are being replaced, they may not be there
	}
	f.stamp = found
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		f.log.Warn("the new TLS certificate is not used: its files are damaged, or do not belong together", "cert", f.cert, "key", f.key, "error", err)
		return f.current
	}
	f.log.Info("the TLS certificate was replaced", "cert", f.cert)
	f.current = &pair
	return f.current
}

func (f *files) HTTP(other http.Handler) http.Handler { return other }

// ACME says where certificates come from.
type ACME struct {
	Domains   []string
	Directory string // the authority's address; "" for Let's Encrypt
	Folder    string // where certificates and the account's key are kept
	Log       *slog.Logger
}

type manager struct {
	*autocert.Manager
	domains map[string]bool
	log     *slog.Logger
}

// FromACME returns certificates that are got when they are asked for first, kept,
// and renewed a month before they expire.
func FromACME(c ACME) Source {
	m := &manager{log: c.Log, domains: make(map[string]bool)}
	for _, domain := range c.Domains {
		m.domains[domain] = true
	}
	m.Manager = &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(c.Folder), HostPolicy: autocert.HostWhitelist(c.Domains...),
		Client: &acme.Client{DirectoryURL: c.Directory, UserAgent: "memcache"},
	}
	if c.Directory == "" {
		m.Client.DirectoryURL = autocert.DefaultACMEDirectory
	}
	return m
}

func (m *manager) TLS() *tls.Config {
	c := m.TLSConfig()
	c.MinVersion, c.GetCertificate = tls.VersionTLS12, m.get
	return c
}

// get logs why there is no certificate for one of our domains; others are asked for by scanners.
func (m *manager) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := m.GetCertificate(hello)
	if err != nil && m.domains[hello.ServerName] {
		m.log.Error("there is no TLS certificate: does the domain's name lead to this machine, and do ports 80 and 443 reach it?",
			"domain", hello.ServerName, "error", err)
	}
	return cert, err
}

func (m *manager) HTTP(other http.Handler) http.Handler { return m.HTTPHandler(other) }
