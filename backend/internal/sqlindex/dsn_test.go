package sqlindex

import (
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestParseDSN(t *testing.T) {
	type parts struct{ user, password, network, address, name, tls string }
	for dsn, want := range map[string]parts{
		"mysql://u:p@db.example:3307/name":                       {"u", "p", "tcp", "db.example:3307", "name", ""},
		"mysql://u@db.example/name":                              {"u", "", "tcp", "db.example:3306", "name", ""},
		"mysql://u:p@[::1]/name":                                 {"u", "p", "tcp", "[::1]:3306", "name", ""},
		"mysql://u:p@/name":                                      {"u", "p", "tcp", "127.0.0.1:3306", "name", ""},
		"mysql://a%40b:p%40%3A%2F%3F%23%25%20w@h/my%20name":      {"a@b", "p@:/?#% w", "tcp", "h:3306", "my name", ""},
		"mysql://u:p@/name?socket=/run/mysqld/mysqld.sock":       {"u", "p", "unix", "/run/mysqld/mysqld.sock", "name", ""},
		"mysql://u:p@/name?socket=%2Frun%2Fa%20b":                {"u", "p", "unix", "/run/a b", "name", ""},
		"mysql://u:p@h/name?tls=skip-verify":                     {"u", "p", "tcp", "h:3306", "name", "skip-verify"},
		"mysql://u:p@h/" + strings.Repeat("n", 64) + "?tls=true": {"u", "p", "tcp", "h:3306", strings.Repeat("n", 64), "true"},
	} {
		c, err := parseDSN(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if got := (parts{c.User, c.Passwd, c.Net, c.Addr, c.DBName, c.TLSConfig}); got != want {
			t.Errorf("%s:\n%q, want\n%q", dsn, got, want)
		}
	}
}

// TestBadDSN checks that a complaint says what to write and never repeats what
// was written: a mistyped address has its password in unexpected places.
func TestBadDSN(t *testing.T) {
	for _, dsn := range []string{
		"", "hunter2", "hunter2@tcp(h:3306)/name", "mysql:hunter2", "mysql:///name", "mysql://h/name", "postgres://u:hunter2@h/name",
		"mysql://u:hunter2@h", "mysql://u:hunter2@h/", "mysql://u:hunter2@h/a/b", "mysql://u:hunter2@h/" + strings.Repeat("n", 65),
		"mysql://u:hunter2/x@h/name", "mysql://u:hunter2#x@h/name", "mysql://u:1#hunter2@h/name", "mysql://u:1?hunter2@h/name",
		"mysql://u:hunter2%zz@h/name", "mysql://u:hunter2@h:port/name", "mysql://u:hunter2@h/name?charset=latin1",
		"mysql://u:hunter2@h/name?socket=/s", "mysql://u:hunter2@/name?socket=relative", "mysql://u:hunter2@h/name?tls=hunter2",
		"mysql://u:hunter2@h/name?%zz", "mysql://u:hunter2\x00@h/name", "mysql://u:p@h/n%00ame",
	} {
		err := CheckDSN(dsn)
		if err == nil || api.AsError(err).Code != api.Invalid {
			t.Errorf("%q: %v; want an invalid error", dsn, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "mysql://user:password@host:3306/name") {
			t.Errorf("%q: %v", dsn, err)
		}
	}
}
