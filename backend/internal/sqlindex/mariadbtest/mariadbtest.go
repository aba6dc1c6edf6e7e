// Package mariadbtest starts a real MariaDB for tests.
//
// A test process has one server, which the first test that needs it starts in
// a temporary folder; each test gets a database of its own in it. Nothing has
// to stop it: the server hangs on a pipe that only the test process holds open,
// so it ends, and its folder goes, whenever and however that process ends. It
// gives up durability for speed.
package mariadbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// startLimit bounds the start of the server; it takes about a second.
const startLimit = time.Minute

// The account that the tests use. Its password holds what a URL must encode.
const (
	user     = "memcache"
	password = "p@ss:w/rd?#% ä"
)

// The server that the tests of this process share.
var (
	shared    = sync.OnceValues(start)
	databases atomic.Int64
)

// Start returns the DSN of a database that does not exist yet, on the server of
// this test process, over its unix socket. It starts the server if need be and
// fails the test when MariaDB is not installed.
func Start(t testing.TB) (dsn string) {
	t.Helper()
	return address("", socketOf(t))
}

// StartTCP is Start with a DSN of a loopback TCP port that is t's own; stop
// closes the port and all connections through it, as a server that goes down
// does. The end of the test stops it too.
func StartTCP(t testing.TB) (dsn string, stop func()) {
	t.Helper()
	dsn, link := StartLink(t)
	return dsn, link.Stop
}

// StartLink is StartTCP with a link that can be broken in a commit.
func StartLink(t testing.TB) (dsn string, link *Link) {
	t.Helper()
	return openLink(t, socketOf(t))
}

// openLink opens a port of t's own that leads to a socket.
func openLink(t testing.TB, socket string) (dsn string, _ *Link) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen for MariaDB clients: %v", err)
	}
	f := &forwarder{listener: l, target: socket, conns: map[net.Conn]bool{}}
	f.running.Go(f.accept)
	t.Cleanup(f.stop)
	return address(l.Addr().String(), ""), &Link{f}
}

func socketOf(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("start MariaDB for the tests: %v", err)
	}
	return s.socket
}

func address(host, socket string) string {
	u := url.URL{Scheme: "mysql", User: url.UserPassword(user, password), Host: host}
	u.Path = fmt.Sprintf("/test_%d", databases.Add(1))
	if socket != "" {
		u.RawQuery = url.Values{"socket": {socket}}.Encode()
	}
	return u.String()
}

// server is a MariaDB that runs for as long as hold is open, which is until
// this process ends if nothing closes it before.
type server struct {
	socket string
	hold   *os.File
	keeper *exec.Cmd
}

func start() (*server, error) {
	dir, err := install()
	if err != nil {
		return nil, err
	}
	s, err := launch(dir, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// install makes a folder with the tables of a new server.
func install() (dir string, err error) {
	program, err := find("mariadb-install-db")
	if err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp("", "mariadb"); err != nil {
		return "", err
	}
	if len(socketIn(dir)) > 100 {
		err = fmt.Errorf("the path %s is too long for a unix socket: set TMPDIR to a shorter one", socketIn(dir))
	} else if err = os.Mkdir(tempIn(dir), 0o700); err == nil {
		err = installTables(program, dir)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

func socketIn(dir string) string { return filepath.Join(dir, "s") }

// tempIn is where the server of dir has its temporary files: one that starts removes
// those that it finds, also another's.
func tempIn(dir string) string { return filepath.Join(dir, "tmp") }

// pidIn is the file in which the server of dir tells its process, as long as it runs.
func pidIn(dir string) string { return filepath.Join(dir, "pid") }

func environment(dir string) []string { return append(os.Environ(), "TMPDIR="+tempIn(dir)) }

// find looks for a program of MariaDB, also where users other than root do not.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath(filepath.Join("/usr/sbin", name)); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s is not installed: run ./build.sh test, which installs it", name)
}

// asUser are the options by which MariaDB agrees to run as root.
func asUser() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

func installTables(install, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, install, append([]string{
		"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M",
	}, asUser()...)...)
	cmd.Env = environment(dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", install, err, out)
	}
	return nil
}

// keeper runs the server until its standard input ends, then removes the folder
// $1 if it has a name. It outlives an interrupt from the terminal, which all processes get.
// Its standard output is open for as long as the server runs.
const keeper = `
trap '' INT TERM HUP
dir=$1
shift
"$@" </dev/null &
server=$!
exec >/dev/null
cat
kill -KILL "$server"
wait "$server"
[ -z "$dir" ] || rm -rf -- "$dir"
`

// launch starts the server of dir and waits until it answers. It ends when hold is
// closed, by us or by our end; the folder remove, if any, goes then.
func launch(dir, remove string, more ...string) (*server, error) {
	mariadbd, err := find("mariadbd")
	if err != nil {
		return nil, err
	}
	socket := socketIn(dir)
	stdin, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	alive, stdout, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, hold.Close())
	}
	defer alive.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, errors.Join(err, stdout.Close(), hold.Close())
	}
	defer log.Close()
	arguments := append([]string{"-c", keeper, "sh", remove, mariadbd}, append(options(dir, socket), more...)...)
	cmd := exec.Command("/bin/sh", arguments...)
	cmd.Env = environment(dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, log
	err = errors.Join(cmd.Start(), stdout.Close())
	if err == nil {
		err = waitReady(socket, alive)
	}
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%s: %w\n%s", mariadbd, errors.Join(err, hold.Close()), text)
	}
	return &server{socket: socket, hold: hold, keeper: cmd}, nil
}

// options make the server small, quick and forgetful.
func options(dir, socket string) []string {
	return append([]string{
		"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--socket=" + socket, "--pid-file=" + pidIn(dir),
		"--skip-networking", "--skip-name-resolve", "--skip-log-bin", "--performance-schema=OFF", "--max-connections=500",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0",
		"--innodb-doublewrite=0", "--innodb-use-native-aio=0",
	}, asUser()...)
}

// waitReady makes the tests' account as soon as the server answers. alive ends
// when the server does.
func waitReady(socket string, alive *os.File) error {
	root, err := asRoot(socket)
	if err != nil {
		return err
	}
	defer root.Close()
	for deadline := time.Now().Add(startLimit); ; {
		err := makeAccount(root)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer within %v: %w", startLimit, err)
		}
		if err := alive.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			return err
		}
		if _, err := alive.Read(make([]byte, 512)); errors.Is(err, io.EOF) {
			return errors.New("the server ended while it started")
		}
	}
}

func asRoot(socket string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr = "root", "unix", socket
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func makeAccount(root *sql.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for _, statement := range []string{
		fmt.Sprintf("CREATE OR REPLACE USER '%s'@'localhost' IDENTIFIED BY '%s'", user, password),
		fmt.Sprintf("GRANT ALL ON *.* TO '%s'@'localhost'", user),
		// As accounts of applications are: a server that is read-only is so for it, too.
		fmt.Sprintf("REVOKE READ ONLY ADMIN ON *.* FROM '%s'@'localhost'", user),
	} {
		if _, err := root.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
