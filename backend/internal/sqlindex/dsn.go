package sqlindex

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"memcache/shared/api"
)

// dialTimeout bounds connecting to MySQL, so that a start without it fails soon.
const dialTimeout = 3 * time.Second

// dsnForm is what every complaint about a DSN ends with. The DSN itself is
// never repeated: a mistyped one may have its password in any place.
const dsnForm = `write it as mysql://user:password@host:3306/name, or mysql://user:password@/name?socket=/path for a unix socket, ` +
	`with characters such as @ : / ? # % in the user and password percent-encoded`

// CheckDSN reports why dsn is not an address of a MySQL database, or nil. Its
// errors repeat no part of the DSN. The form is
//
//	mysql://user:password@host:3306/name?tls=true
//	mysql://user:password@/name?socket=/run/mysqld/mysqld.sock
//
// with user, password and name percent-decoded. The port is 3306 if absent. tls
// is true (verified by the system's authorities), the absolute path of a PEM file with
// the authorities to verify by instead, skip-verify, preferred (if the server has it,
// unverified) or false. Verified is the host of the DSN, localhost for a socket.
func CheckDSN(dsn string) error {
	_, err := parseDSN(dsn)
	return err
}

// parseDSN returns the driver's configuration for dsn.
func parseDSN(dsn string) (*mysql.Config, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Opaque != "" || u.Fragment != "" {
		return nil, badDSN("is not a valid URL")
	}
	if u.Scheme != "mysql" {
		return nil, badDSN("does not begin with mysql://")
	}
	if u.User == nil || u.User.Username() == "" {
		return nil, badDSN("names no user")
	}
	name := strings.TrimPrefix(u.Path, "/")
	if name == "" || len(name) > 64 || strings.ContainsAny(name, "/\x00") {
		return nil, badDSN("does not end with the name of a database (1 to 64 bytes, without a slash)")
	}
	c := mysql.NewConfig()
	c.User, c.DBName = u.User.Username(), name
	c.Passwd, _ = u.User.Password()
	c.Timeout = dialTimeout
	c.Net, c.Addr = "tcp", hostPort(u)
	return c, dsnOptions(c, u)
}

func hostPort(u *url.URL) string {
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "3306"
	}
	return net.JoinHostPort(host, port)
}

// dsnOptions sets what the query of the DSN says.
func dsnOptions(c *mysql.Config, u *url.URL) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return badDSN("has an invalid query")
	}
	for option, values := range query {
		switch value := values[0]; option {
		case "socket":
			if !strings.HasPrefix(value, "/") || u.Host != "" {
				return badDSN("needs an absolute path as its socket, and no host beside it")
			}
			c.Net, c.Addr = "unix", value
		case "tls":
			if err := tlsOption(c, u, value); err != nil {
				return err
			}
		default:
			return badDSN("has an unknown option: the known ones are socket and tls")
		}
	}
	return nil
}

// tlsOption sets how the server is verified.
func tlsOption(c *mysql.Config, u *url.URL, value string) error {
	host := cmp.Or(u.Hostname(), "localhost")
	switch {
	case value == "true":
		c.TLSConfig, c.TLS = value, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
		return nil
	case slices.Contains([]string{"false", "skip-verify", "preferred"}, value):
		c.TLSConfig = value
		return nil
	case !strings.HasPrefix(value, "/"):
		return badDSN("has an unknown tls option: it is one of true, skip-verify, preferred, false, or the absolute path of a file of authorities (PEM)")
	}
	pem, err := os.ReadFile(value)
	authorities := x509.NewCertPool()
	if err != nil || !authorities.AppendCertsFromPEM(pem) {
		return badDSN("has a tls option that is no readable file of authorities (PEM)")
	}
	c.TLS = &tls.Config{RootCAs: authorities, ServerName: host, MinVersion: tls.VersionTLS12}
	return nil
}

func badDSN(what string) error {
	return api.Errorf(api.Invalid, "the database address %s: %s", what, dsnForm)
}

// SameDatabase tells whether two addresses are of one database. Different ways to a
// server, by its name and its number, are not seen to be the same.
func SameDatabase(a, b string) bool {
	one, errA := parseDSN(a)
	other, errB := parseDSN(b)
	return errA == nil && errB == nil && one.Net == other.Net && one.Addr == other.Addr && one.DBName == other.DBName
}
