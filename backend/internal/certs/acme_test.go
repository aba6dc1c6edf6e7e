package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/certs/certstest"
)

// domain is a name that the test's own name server knows.
const domain = "files.example.org"

// TestCertificatesComeFromACME gets one from pebble, the test server of Let's
// Encrypt's makers, and takes it from the folder after that.
func TestCertificatesComeFromACME(t *testing.T) {
	https, plain := listen(t), listen(t)
	authority := startPebble(t, port(https), port(plain))
	config := ACME{Domains: []string{domain}, Directory: authority.directory, Folder: filepath.Join(t.TempDir(), "certificates"), Log: slog.New(slog.DiscardHandler)}
	source := FromACME(config)
	source.(*manager).Client.HTTPClient = authority.client // the authority's own certificate is of no known one
	serve(t, tls.NewListener(https, source.TLS()), http.NotFoundHandler())
	serve(t, plain, source.HTTP(http.NotFoundHandler()))

	cert := dial(t, https, domain)
	if err := cert.VerifyHostname(domain); err != nil || !strings.Contains(cert.Issuer.CommonName, "Pebble") {
		t.Errorf("the certificate is of %q for %q: %v", cert.Issuer, cert.DNSNames, err)
	}
	if _, err := tls.Dial("tcp", https.Addr().String(), &tls.Config{ServerName: "evil.example", InsecureSkipVerify: true}); err == nil {
		t.Error("there is a certificate for a name that was not given")
	}
	info, err := os.Stat(config.Folder)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the keys has the mode %v, %v", info.Mode(), err)
	}

	authority.stop()
	again := listen(t)
	serve(t, tls.NewListener(again, FromACME(config).TLS()), http.NotFoundHandler())
	if kept := dial(t, again, domain); !kept.Equal(cert) {
		t.Error("after a restart the certificate is another")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func serve(t *testing.T, l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
}

// dial makes a handshake and returns the certificate.
func dial(t *testing.T, l net.Listener, name string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// pebble is a certificate authority that runs.
type pebble struct {
	directory string
	client    *http.Client
	stop      func()
}

// startPebble runs an authority that checks domains on the ports, and a name server
// that says that every name is this machine's.
func startPebble(t *testing.T, tlsPort, httpPort int) pebble {
	t.Helper()
	names := reserve(t)
	run(t, tool(t, "pebble-challtestsrv"), "-dns01", names, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-management", reserve(t))
	folder := t.TempDir()
	made := certstest.Write(t, folder)
	address := reserve(t)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": address, "managementListenAddress": "", "certificate": made.Cert, "privateKey": made.Key, "httpPort": httpPort, "tlsPort": tlsPort,
		"ocspResponderURL": "", "externalAccountBindingRequired": false, "profiles": map[string]any{"default": map[string]any{"description": "for tests", "validityPeriod": 90 * 24 * 60 * 60}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "config.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	p := pebble{directory: "https://" + address + "/dir"}
	p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: made.Pool}}}
	t.Cleanup(p.client.CloseIdleConnections)
	p.stop = run(t, tool(t, "pebble"), "-config", file, "-dnsserver", names)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		answer, err := p.client.Get(p.directory)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("pebble does not answer: %v", err)
		}
	}
}

// reserve returns an address that nothing listens on.
func reserve(t *testing.T) string {
	t.Helper()
	l := listen(t)
	defer l.Close()
	return l.Addr().String()
}

// tool builds a development tool and returns its path.
func tool(t *testing.T, name string) string {
	t.Helper()
	find := exec.Command("go", "tool", "-modfile=.ci/tools.mod", "-n", name)
	find.Dir = filepath.Join("..", "..", "..")
	path, err := find.Output()
	if err != nil {
		t.Fatalf("go tool -n %s: %v", name, err)
	}
	return strings.TrimSpace(string(path))
}

// run starts a program that ends with the test, or when stop is called.
func run(t *testing.T, program string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			<-ended
			if t.Failed() {
				t.Log(fmt.Sprint(program, " said:\n", said.String()))
			}
		}
	}
	t.Cleanup(stop)
	return stop
}
