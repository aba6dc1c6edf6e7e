package httpapi

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"memcache/backend/internal/access"
	"memcache/shared/api"
)

// hasty is a server that has little patience; closed hears of every connection
// that it has closed, by the client's address.
func hasty(w *world, patience time.Duration, closed chan<- string) *httptest.Server {
	server := httptest.NewUnstartedServer(w.Config.Handler)
	server.Config.ReadHeaderTimeout = patience
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- c.RemoteAddr().String()
		}
	}
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10) // so that a reply does not fit in it
		return ctx
	}
	server.Start()
	w.t.Cleanup(server.Close)
	return server
}

// slowClient opens a connection, says text and nothing more.
func slowClient(t *testing.T, server *httptest.Server, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err = io.WriteString(c, text)
	must(t, err)
	return c
}

var slowClients = flag.Int("slow", 100, "how many clients of each kind TestFault78_SlowClientsAreDropped has")

func TestFault78_SlowClientsAreDropped(t *testing.T) {
	t.Parallel()
	each := *slowClients
	w := start(t, func(c *Config) { c.Stall, c.BeginUpload = 2*time.Second, access.NewUploads(2*each).Begin })
	w.want(w.put("big", strings.Repeat("x", maxObject)), 201)
	files := len(w.files())
	closed := make(chan string, 10*each)
	server := hasty(w, 2*time.Second, closed)
	slow := map[string]bool{}
	for i := range each {
		for _, text := range []string{
			"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-",
			fmt.Sprintf("PUT /objects/slow-%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nbegin", i),
			"GET /objects/big HTTP/1.1\r\nHost: localhost\r\n\r\n",
		} {
			slow[slowClient(t, server, text).LocalAddr().String()] = true
		}
	}
	others := &world{Server: server, t: t, data: w.data}
	others.want(others.put("other", "x"), 201)
	for range 20 {
		others.want(others.get("big"), 200)
	}
	for len(slow) > 0 {
		delete(slow, <-closed)
	}
	if keys := w.listed(); len(keys) != 2 {
		t.Errorf("%d keys are listed, want 2: what came too slowly was stored", len(keys))
	}
	if now := len(w.files()); now != files+1 {
		t.Errorf("%d files, want %d", now, files+1)
	}
}

func TestFault78_ABodyThatDripsIsGivenUp(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *Config) { c.Stall = 500 * time.Millisecond })
	c := slowClient(t, w.Server, "PUT /objects/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
	dripped := make(chan struct{})
	go func() {
		defer close(dripped)
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond) // that is how slow it is
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 408 || !res.Close || !strings.Contains(string(body), `"code":"too_slow"`) {
		t.Errorf("status %d, closing %t: %s", res.StatusCode, res.Close, body)
	}
	_ = c.Close()
	<-dripped
	w.wantProblem(w.get("k"), 404)
}

// TestASlowDiskIsNotTheClientsFault: only the time in which the client is waited
// for counts.
func TestASlowDiskIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	const stall = 300 * time.Millisecond
	w := start(t, func(c *Config) {
		c.Stall = stall
		c.Live = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * stall) // the disk
			n, err := io.Copy(io.Discard, r.Body)
			time.Sleep(2 * stall)
			if r.Context().Err() != nil {
				err = r.Context().Err()
			}
			_, _ = fmt.Fprintln(w, n, err)
		})
	})
	if got := w.want(w.do("POST", api.LivePath, strings.NewReader(strings.Repeat("x", 1<<20))), 200); got.body != "1048576 <nil>\n" {
		t.Errorf("the body was read as %s", got.body)
	}
	w.want(w.do("GET", "/healthz", nil), 200) // the deadlines of one request are not those of the next
}

func TestTooManyUploadsAreRefused(t *testing.T) {
	asked := make(chan struct{}, 1)
	w := start(t, func(c *Config) { c.BeginUpload, c.Answers = access.NewUploads(1).Begin, watched{c.Answers, asked} })
	body, more := io.Pipe()
	first := make(chan answer)
	go func() { first <- w.do("PUT", "/objects/first", body, "Idempotency-Key", "k") }()
	_, err := more.Write([]byte("begin"))
	must(t, err)
	<-asked // by now the first upload has its place
	refused := w.put("second", "x")
	w.wantProblem(refused, 503, "1 uploads")
	if refused.Header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After in %v", refused.Header)
	}
	body2, contentType := form(t, []string{"key", "k"}, []string{"file", "x"})
	w.wantCourseError(w.do("POST", "/api/upload", body2, "Content-Type", contentType), 503)
	w.want(w.do("GET", "/healthz", nil), 200)
	must(t, more.Close())
	w.want(<-first, 201)
	w.want(w.put("second", "x"), 201)
}

func TestFault09_BrokenUploadLeavesNothing(t *testing.T) {
	w := start(t)
	for name, text := range map[string]string{
		"shorter than declared": "PUT /objects/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nonly this",
		"a chunk cut off":       "PUT /objects/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nonly this",
		"a chunk without size":  "PUT /objects/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nonly this",
	} {
		c := slowClient(t, w.Server, text)
		must(t, c.(*net.TCPConn).CloseWrite())
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		must(t, err)
		if res.StatusCode != 400 {
			t.Errorf("%s: status %d, want 400", name, res.StatusCode)
		}
		w.wantProblem(w.get("k"), 404)
		if files := w.files(); len(files) != 0 {
			t.Errorf("%s: the files %q are left", name, files)
		}
	}
}

// TestReplyInSteps: what is written or copied comes out the same, and so does
// the error in its midst.
func TestReplyInSteps(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", patienceBytes/8)
	for name, write := range map[string]func(http.ResponseWriter) (int64, error){
		"Write": func(w http.ResponseWriter) (int64, error) { n, err := io.WriteString(w, long); return int64(n), err },
		"a copy": func(w http.ResponseWriter) (int64, error) {
			return io.Copy(w, struct{ io.Reader }{strings.NewReader(long)})
		},
		"a part": func(w http.ResponseWriter) (int64, error) {
			return io.CopyN(w, strings.NewReader(long+"more"), int64(len(long)))
		},
		"nothing": func(w http.ResponseWriter) (int64, error) { return io.CopyN(w, strings.NewReader("x"), 0) },
	} {
		got := httptest.NewRecorder()
		w := &recorder{ResponseWriter: got, control: http.NewResponseController(got), start: time.Now(), stall: time.Minute}
		n, err := write(w)
		if err != nil || w.bytes != n || n != int64(got.Body.Len()) || n != 0 && got.Body.String() != long {
			t.Errorf("%s: %d bytes, %v; %d noted, %d sent", name, n, err, w.bytes, got.Body.Len())
		}
	}
	w := &recorder{ResponseWriter: httptest.NewRecorder(), start: time.Now()}
	if n, err := io.Copy(w, io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF))); n != 3 || err != io.ErrUnexpectedEOF {
		t.Errorf("a broken copy: %d bytes, %v", n, err)
	}
}

// TestAnAddressThatAsksTooOftenIsTold: the refusal of package access is a reply.
func TestAnAddressThatAsksTooOftenIsTold(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Admit = func(*http.Request) error { return api.Errorf(api.TooMany, "more than 5 requests a second") }
	})
	a := w.do("GET", "/objects/k", nil)
	w.wantProblem(a, 429, "more than 5")
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After in %v", a.Header)
	}
}
