//lint:file-ignore SA1019 as in socket.go

package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"memcache/shared/api"
)

// peer is a client that shows everything as it came.
type peer struct {
	t    *testing.T
	ws   *websocket.Conn
	last int
	seen []incoming // what came while something else was waited for
}

type incoming struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *api.RPCError   `json:"error"`
}

// dial connects with the given Origin headers; err is that of the handshake.
func (s *server) dial(t *testing.T, origins ...string) (*peer, *http.Response, error) {
	t.Helper()
	options := &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		HTTPHeader: http.Header{},
	}
	for _, o := range origins {
		options.HTTPHeader.Add("Origin", o)
	}
	ws, response, err := websocket.Dial(t.Context(), s.http.URL, options)
	if err != nil {
		return nil, response, err
	}
	ws.SetReadLimit(2 * api.MaxMessageBytes)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &peer{t: t, ws: ws}, response, nil
}

func (s *server) connect(t *testing.T) *peer {
	t.Helper()
	p, _, err := s.dial(t)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.ws.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatalf("send %.80s: %v", text, err)
	}
}

func (p *peer) sendBinary(b []byte) {
	p.t.Helper()
	if err := p.ws.Write(p.t.Context(), websocket.MessageBinary, b); err != nil {
		p.t.Fatalf("send %d bytes: %v", len(b), err)
	}
}

// leave cuts the connection.
func (p *peer) leave() { _ = p.ws.CloseNow() }

// receive returns the next message.
func (p *peer) receive() incoming {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	_, b, err := p.ws.Read(ctx)
	if err != nil {
		p.t.Fatalf("receive: %v", err)
	}
	var m incoming
	if err := json.Unmarshal(b, &m); err != nil {
		p.t.Fatalf("received %.200s: %v", b, err)
	}
	return m
}

// want returns the next message that is, keeping those before it.
func (p *peer) want(is func(incoming) bool) incoming {
	p.t.Helper()
	for i, m := range p.seen {
		if is(m) {
			p.seen = append(p.seen[:i], p.seen[i+1:]...)
			return m
		}
	}
	for {
		m := p.receive()
		if is(m) {
			return m
		}
		p.seen = append(p.seen, m)
	}
}

func (p *peer) note(method string, params any) {
	p.t.Helper()
	m := p.want(func(m incoming) bool { return m.Method == method })
	if err := json.Unmarshal(m.Params, params); err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
}

// ask sends a request and returns its ID.
func (p *peer) ask(method string, params any) string {
	p.t.Helper()
	p.last++
	raw, err := json.Marshal(params)
	if err != nil {
		p.t.Fatal(err)
	}
	id := fmt.Sprint(p.last)
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, raw))
	return id
}

func (p *peer) answer(id string) incoming {
	p.t.Helper()
	return p.want(func(m incoming) bool { return string(m.ID) == id })
}

// call returns the error that the server gave.
func (p *peer) call(method string, params, result any) *api.Error {
	p.t.Helper()
	return p.decode(method, p.answer(p.ask(method, params)), result)
}

func (p *peer) decode(method string, m incoming, result any) *api.Error {
	p.t.Helper()
	if m.Error != nil {
		if m.Error.Data == nil {
			p.t.Fatalf("%s: %d %s", method, m.Error.Code, m.Error.Message)
		}
		return m.Error.Data
	}
	if result != nil {
		if err := json.Unmarshal(m.Result, result); err != nil {
			p.t.Fatalf("%s: %v", method, err)
		}
	}
	return nil
}

// must is call for what has to work.
func (p *peer) must(method string, params, result any) {
	p.t.Helper()
	if err := p.call(method, params, result); err != nil {
		p.t.Fatalf("%s: %s: %v", method, err.Code, err)
	}
}

// wantClose reads to the end and checks how the server closed.
func (p *peer) wantClose(code int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	for {
		if _, _, err := p.ws.Read(ctx); err != nil {
			if got := int(websocket.CloseStatus(err)); got != code {
				p.t.Errorf("closed with %d (%v), want %d", got, err, code)
			}
			return
		}
	}
}

// uploadID is the identifier of the test's nth upload.
func uploadID(n int) string { return fmt.Sprintf("%032x", n) }

func (p *peer) chunk(id string, offset int64, data []byte) {
	p.t.Helper()
	b, err := api.AppendChunkHeader(nil, id, offset)
	if err != nil {
		p.t.Fatal(err)
	}
	p.sendBinary(append(b, data...))
}

// startUpload starts an upload that has to be taken.
func (p *peer) startUpload(id, key string, size int) (state api.UploadState) {
	p.t.Helper()
	p.must(api.MethodUpload, api.UploadStart{Upload: id, Key: key, Size: int64(size)}, &state)
	return state
}

// sendAll sends data as the credit allows, up to end, and checks what the server tells.
func (p *peer) sendAll(state api.UploadState, data []byte, end int) {
	p.t.Helper()
	for at := state.Offset; at < int64(end); {
		if state.Credit > int64(len(data)) || state.Credit > at+2*window {
			p.t.Fatalf("at %d: credit %d is beyond the size or the window", at, state.Credit)
		}
		if n := min(state.Credit-at, int64(end)-at, api.ChunkBytes); n > 0 {
			p.chunk(state.Upload, at, data[at:at+n])
			at += n
			continue
		}
		state = p.uploadNote(state.Upload)
		if state.Error != nil {
			p.t.Fatalf("upload failed: %v", state.Error)
		}
	}
}

// uploadNote returns the next state of the upload that the server tells.
func (p *peer) uploadNote(id string) (state api.UploadState) {
	p.t.Helper()
	for state.Upload != id {
		state = api.UploadState{}
		p.note(api.NoteUpload, &state)
	}
	return state
}

func pattern(n int) []byte {
	return []byte(strings.Repeat("0123456789abcdef!", n/17+1)[:n])
}
