package mariadbtest

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"
)

// asChild makes the test binary a test process that has started a server, says
// where, and then waits to be killed.
const asChild = "MARIADBTEST_CHILD"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStart(t *testing.T) {
	first, second := Start(t), Start(t)
	if first == second {
		t.Errorf("two tests share the database of %s", first)
	}
	tcp, stop := StartTCP(t)
	for _, dsn := range []string{first, tcp} {
		if err := ping(t, dsn); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
	stop()
	if err := ping(t, tcp); err == nil {
		t.Error("the port answers after it was stopped")
	}
	if err := ping(t, second); err != nil {
		t.Errorf("the server is gone with the port: %v", err)
	}
}

// ping makes the database of dsn, as the account of dsn.
func ping(t *testing.T, dsn string) error {
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c := mysql.NewConfig()
	c.Logger = &mysql.NopLogger{}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Net, c.Addr = "tcp", u.Host
	if socket := u.Query().Get("socket"); socket != "" {
		c.Net, c.Addr = "unix", socket
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+strings.TrimPrefix(u.Path, "/"))
	return errors.Join(err, db.Close())
}

func TestFindSaysHowToInstall(t *testing.T) {
	_, err := find("mariadb-that-is-absent")
	if err == nil || !strings.Contains(err.Error(), "./build.sh test") {
		t.Errorf("find = %v", err)
	}
}

// TestServerEndsWithItsProcess kills a test process: nothing of its server stays.
func TestServerEndsWithItsProcess(t *testing.T) {
	if os.Getenv(asChild) != "" {
		s, err := shared()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(s.socket)
		select {}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithItsProcess$")
	child.Env = append(os.Environ(), asChild+"=1")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	socket, readErr := bufio.NewReader(out).ReadString('\n')
	_, statErr := os.Stat(strings.TrimSpace(socket))
	if err := errors.Join(readErr, statErr); err != nil {
		t.Errorf("the child's server: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	// It was killed: its status tells nothing.
	_ = child.Wait()
	waitGone(t, filepath.Dir(strings.TrimSpace(socket)))
}

func waitGone(t *testing.T, path string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); <-tick.C {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	t.Errorf("%s is still there", path)
}
