package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"memcache/backend/internal/certs/certstest"
	"memcache/backend/internal/s3store/s3test"
	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

// fleet is MemCache on all that it may stand on, behind one address.
type fleet struct {
	t        *testing.T
	url      string // of the balancer
	token    string // of the users
	client   *http.Client
	backends []*daemon
	parts    []part
}

// part is one of the programs of a fleet.
type part struct {
	kind, name  string
	kill, start func()
	stop        func() // in order
	restart     func() // nil: stop and start
	pause, goOn func()
}

// startFleet starts all parts, and logs in.
func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t}
	database := mariadbtest.Own(t)
	database.Start()
	objects := s3test.Start(t)
	f.parts = append(f.parts, partOfDatabase(database), partOfObjects(t, objects))
	var nodes []string
	for i, program := range []string{f.program("cache"), f.program("cache"), memcached(t)} {
		node := storagetest.StartCacheTCP(t, program)
		nodes = append(nodes, node.Address)
		f.parts = append(f.parts, partOfCache(t, node, fmt.Sprintf("cache node %d, %s", i+1, filepath.Base(program))))
	}
	var addresses []string
	for i := range 3 {
		address := storagetest.FreeAddress(t)
		b := &daemon{
			t: t, name: fmt.Sprint("backend ", i+1), env: s3test.Environment(), ready: "http://" + address + "/healthz",
			args: []string{
				f.program("backend"), "-listen", address, "-data", t.TempDir(), "-database", database.DSN(), "-store", objects.Location("", ""),
				"-cache", strings.Join(nodes, ","), "-trusted-proxies", "127.0.0.1", "-drain-delay", "3s", "-log-level", "warn",
			},
		}
		b.start()
		f.backends, addresses = append(f.backends, b), append(addresses, address)
		f.parts = append(f.parts, b.part("backend"))
	}
	f.balance(addresses)
	f.logIn()
	return f
}

func (f *fleet) program(name string) string { return filepath.Join(installed, "bin", "memcache-"+name) }

func memcached(t *testing.T) string {
	t.Helper()
	program := storagetest.Memcached()
	if program == "" {
		t.Fatal("memcached is not installed: run ./build.sh test, which installs it")
	}
	return program
}

func partOfDatabase(s *mariadbtest.Server) part {
	return part{
		kind: "MariaDB", name: "MariaDB", kill: s.Kill, start: func() { s.Start() }, stop: s.Stop,
		pause: func() { s.Signal(syscall.SIGSTOP) }, goOn: func() { s.Signal(syscall.SIGCONT) },
	}
}

func partOfObjects(t *testing.T, s *s3test.Server) part {
	send := func(which syscall.Signal) {
		if err := s.Signal(which); err != nil {
			t.Errorf("signal %v to versitygw: %v", which, err)
		}
	}
	return part{
		kind: "S3", name: "versitygw", kill: s.Stop, start: s.Restart, stop: func() { send(syscall.SIGTERM); s.Stop() },
		pause: func() { send(syscall.SIGSTOP) }, goOn: func() { send(syscall.SIGCONT) },
	}
}

func partOfCache(t *testing.T, p *storagetest.Process, name string) part {
	return part{
		kind: "cache node", name: name, kill: func() { p.Kill(t) }, start: func() { p.Start(t) }, stop: func() { p.Stop(t) },
		pause: func() { p.Pause(t) }, goOn: func() { p.Resume(t) },
	}
}

// balance starts haproxy as the README says, with these backends.
func (f *fleet) balance(backends []string) {
	f.t.Helper()
	readme, err := os.ReadFile(filepath.Join(source, "README.md"))
	if err != nil {
		f.t.Fatal(err)
	}
	_, config, found := strings.Cut(string(readme), "```haproxy\n")
	config, _, ends := strings.Cut(config, "```")
	if !found || !ends {
		f.t.Fatal("the README has no settings for haproxy")
	}
	made, address := certstest.Write(f.t, f.t.TempDir()), storagetest.FreeAddress(f.t)
	var both bytes.Buffer
	for _, file := range []string{made.Cert, made.Key} {
		b, err := os.ReadFile(file)
		if err != nil {
			f.t.Fatal(err)
		}
		both.Write(b)
	}
	folder := f.t.TempDir()
	f.write(filepath.Join(folder, "memcache.pem"), both.String())
	config = strings.NewReplacer("bind :443", "bind "+address, "/etc/haproxy/memcache.pem", filepath.Join(folder, "memcache.pem")).Replace(config)
	config = regexp.MustCompile(`10\.0\.0\.1[1-3]:5000`).ReplaceAllStringFunc(config, func(s string) string { return backends[s[len("10.0.0.1")]-'1'] })
	f.write(filepath.Join(folder, "haproxy.cfg"), config)
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program = "/usr/sbin/haproxy" // where users other than root do not look
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: made.Pool}, MaxIdleConnsPerHost: 100}
	f.client, f.url = &http.Client{Transport: transport, Timeout: time.Minute}, "https://"+address
	f.t.Cleanup(transport.CloseIdleConnections)
	d := &daemon{t: f.t, name: "haproxy", args: []string{program, "-W", "-db", "-f", filepath.Join(folder, "haproxy.cfg")}, ready: f.url + "/healthz", client: f.client}
	d.start()
	balancer := d.part("haproxy")
	balancer.restart = func() { d.signal(syscall.SIGUSR2, d.cmd.Process.Pid) } // as systemd reloads it
	f.parts = append(f.parts, balancer)
}

func (f *fleet) write(file, content string) {
	f.t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

var linkOfFirstStart = regexp.MustCompile(`/login#link=(\S+)`)

// logIn makes an API token as people do: with the link of the first start, of which the
// newest counts.
func (f *fleet) logIn() {
	f.t.Helper()
	said := f.backends[len(f.backends)-1].output.String()
	found := linkOfFirstStart.FindStringSubmatch(said)
	if found == nil {
		f.t.Fatalf("the last backend prints no link:\n%s", said)
	}
	entered := f.ask("POST", api.LoginPath, "", api.Credentials{Link: found[1], Password: "correct horse battery"})
	cookie, _, _ := strings.Cut(entered.Header.Get("Set-Cookie"), ";")
	var secret api.Secret
	f.ask("POST", api.SecurityPath+"/tokens", cookie, api.NewToken{Name: "users", Scope: api.ScopeWrite}).json(f.t, &secret)
	f.token = secret.Secret
}

// ask sends a question in JSON by way of the balancer.
func (f *fleet) ask(method, path, cookie string, question any) reply {
	f.t.Helper()
	body, err := json.Marshal(question)
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	answer, err := send(f.client, r)
	if err != nil || answer.StatusCode/100 != 2 {
		f.t.Fatalf("%s %s: %v, %s", method, path, err, answer.body)
	}
	return answer
}

// daemon is a program that runs until it is told to end, with what it starts.
type daemon struct {
	t      *testing.T
	name   string
	args   []string
	env    []string
	ready  string       // a URL that it answers when it is
	client *http.Client // to ask that with; nil: the default one

	cmd    *exec.Cmd
	output transcript
	ended  chan struct{}
}

func (d *daemon) part(kind string) part {
	group := func(s syscall.Signal) func() { return func() { d.signal(s, -d.cmd.Process.Pid) } }
	return part{kind: kind, name: d.name, kill: d.kill, start: d.start, stop: d.stop, pause: group(syscall.SIGSTOP), goOn: group(syscall.SIGCONT)}
}

// start starts it and waits until it is ready.
func (d *daemon) start() {
	d.t.Helper()
	cmd, ended := exec.Command(d.args[0], d.args[1:]...), make(chan struct{})
	cmd.Env = append(os.Environ(), d.env...)
	cmd.Stdout, cmd.Stderr = &d.output, &d.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("start %s: %v", d.name, err)
	}
	if d.cmd == nil {
		d.t.Cleanup(d.end)
	}
	d.cmd, d.ended = cmd, ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // stop looks at how
	}()
	client := d.client
	if client == nil {
		client = http.DefaultClient
	}
	eventually(d.t, startLimit, d.name+" answers", func() error {
		answer, err := client.Get(d.ready)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, d.output.String())
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
}

func (d *daemon) signal(which syscall.Signal, to int) {
	if err := syscall.Kill(to, which); err != nil {
		d.t.Errorf("signal %v to %s: %v", which, d.name, err)
	}
}

// kill ends it and what it started as kill -9 does.
func (d *daemon) kill() {
	d.signal(syscall.SIGKILL, -d.cmd.Process.Pid)
	<-d.ended
}

// stop has it end in order.
func (d *daemon) stop() {
	d.signal(syscall.SIGTERM, d.cmd.Process.Pid)
	select {
	case <-d.ended:
	case <-time.After(startLimit):
		d.t.Errorf("%s does not end", d.name)
		d.kill()
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		d.t.Errorf("%s ended with the code %d:\n%s", d.name, code, d.output.String())
	}
}

// end leaves nothing of it behind.
func (d *daemon) end() {
	select {
	case <-d.ended:
	default:
		d.kill()
	}
	if d.t.Failed() {
		d.t.Logf("%s said:\n%s", d.name, d.output.String())
	}
}
