package sqlindex

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/shared/api"
)

// certificate writes a certificate for localhost that is its own authority, and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	other, _ := certificate(t)
	server := mariadbtest.Own(t)
	server.Start("--ssl-cert="+cert, "--ssl-key="+key)
	for option, works := range map[string]bool{"skip-verify": true, cert: true, "preferred": true, "true": false, other: false} {
		c := mariadbConfig(t)
		c.DSN = server.DSN() + "&tls=" + option
		db, err := Open(t.Context(), c)
		switch {
		case !works && err == nil:
			t.Errorf("tls=%s: opened", option)
		case !works:
			if !strings.Contains(err.Error(), "certificate") {
				t.Errorf("tls=%s: %v", option, err)
			}
			continue
		case err != nil:
			t.Errorf("tls=%s: %v", option, err)
			continue
		}
		var name, cipher string
		if err := db.reader.QueryRowContext(t.Context(), "SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher); err != nil || cipher == "" {
			t.Errorf("tls=%s: the cipher is %q, %v", option, cipher, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A file of authorities that cannot be read is refused before anything is asked.
func TestTLSFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, empty + ".missing", "relative.pem"} {
		if err := CheckDSN("mysql://u:p@h/name?tls=" + path); err == nil || api.AsError(err).Code != api.Invalid {
			t.Errorf("%s: %v; want an invalid error", path, err)
		}
	}
}
