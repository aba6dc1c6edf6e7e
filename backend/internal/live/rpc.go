package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

// method is a method of the API: its parameters as they came, and its result.
type method func(ctx context.Context, c *conn, params json.RawMessage) (any, error)

// errParams is the kind of failure that has its own JSON-RPC code.
type errParams struct{ err *api.Error }

func (e errParams) Error() string { return e.err.Message }
func (e errParams) Unwrap() error { return e.err }

// with decodes a method's parameters, strictly.
func with[P any](f func(context.Context, *conn, P) (any, error)) method {
	return func(ctx context.Context, c *conn, raw json.RawMessage) (any, error) {
		var params P
		if err := decode(raw, &params); err != nil {
			return nil, errParams{api.Errorf(api.Invalid, "the parameters do not fit the method: %w", err)}
		}
		return f(ctx, c, params)
	}
}

// decode refuses fields that it does not know. No parameters are the zero ones.
func decode(raw json.RawMessage, v any) error {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// request takes one text message. It runs in the reader, so what may take time
// goes to the connection's workers. The reader waits for nothing but room for its
// own answers, which slows a client down that floods it.
func (c *conn) request(msg []byte) {
	req, fault := parse(msg)
	var err error
	switch {
	case fault != nil:
		c.respond(api.Response{ID: req.ID, Error: fault})
		return
	case c.hub.methods[req.Method] == nil:
		err = errNoMethod
	case req.Method == api.MethodPing:
		c.reply(req, api.Empty{}, nil) // the heartbeat waits for no worker
	case req.Method == api.MethodFinish:
		err = c.finishLater(req)
	default:
		err = c.submit(req)
	}
	if err != nil {
		c.reply(req, nil, err)
	}
}

// parse reads a request; the ID of a faulty one is kept if it is legal.
func parse(msg []byte) (api.Request, *api.RPCError) {
	var req api.Request
	if !json.Valid(msg) {
		return req, &api.RPCError{Code: api.RPCParseError, Message: "the message is not valid JSON, or nested too deeply"}
	}
	err := json.Unmarshal(msg, &req)
	if !legalID(req.ID) {
		req.ID = nil
		return req, invalidRequest("the id must be a string or a number of at most %d bytes, or null", maxID)
	}
	switch {
	case err != nil:
		return req, invalidRequest("the message is not a request: %v (batches are not supported)", err)
	case req.JSONRPC != "2.0":
		return req, invalidRequest(`jsonrpc is %.20q: it must be "2.0"`, req.JSONRPC)
	case req.Method == "":
		return req, invalidRequest("the request names no method")
	}
	return req, nil
}

func invalidRequest(format string, args ...any) *api.RPCError {
	return &api.RPCError{Code: api.RPCInvalidRequest, Message: fmt.Sprintf(format, args...)}
}

// maxID bounds what is echoed to the client.
const maxID = 128

func legalID(id json.RawMessage) bool {
	return len(id) <= maxID && (len(id) == 0 || id[0] != '{' && id[0] != '[' && id[0] != 't' && id[0] != 'f')
}

// finishWithin is how long an upload may take to be stored once all of it is
// here. It is no worker's time, so that other requests need not wait for it.
const finishWithin = 10 * time.Minute

// finishLater runs an upload.finish, apart from the workers.
func (c *conn) finishLater(req api.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finishing >= c.hub.limits.perClient {
		return api.Errorf(api.TooMany, "%d uploads of this connection are being finished: wait for one of them", c.finishing)
	}
	c.finishing++
	c.running.Go(func() {
		c.run(req, finishWithin)
		c.mu.Lock()
		c.finishing--
		c.mu.Unlock()
	})
	return nil
}

// submit gives the request to a worker, or refuses it when too many wait.
func (c *conn) submit(req api.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.workers < maxRunning:
		c.workers++
		c.running.Go(func() { c.work(req) })
	case len(c.waiting) < maxWaiting:
		c.waiting = append(c.waiting, req)
	default:
		return api.Errorf(api.TooMany, "%d requests of this connection wait already: wait for some answers first", len(c.waiting))
	}
	return nil
}

// work runs the request, then those that wait.
func (c *conn) work(req api.Request) {
	for more := true; more; req, more = c.nextRequest() {
		c.run(req, c.hub.limits.callWithin)
	}
}

func (c *conn) nextRequest() (req api.Request, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 || c.ctx.Err() != nil {
		c.workers--
		return req, false
	}
	req = c.waiting[0]
	c.waiting = c.waiting[1:]
	return req, true
}

// run runs one request and answers it.
func (c *conn) run(req api.Request, within time.Duration) {
	ctx, cancel := context.WithTimeout(c.ctx, within)
	defer cancel()
	result, err := c.may(ctx, req)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		err = api.Errorf(api.Unavailable, "%s took longer than %v: try again later", req.Method, within).Because(err)
	}
	c.reply(req, result, err)
	if err != nil {
		return
	}
	switch req.Method { // after the answer, so that no tick overtakes it
	case api.MethodSubscribe:
		c.subscribed.Store(true)
	case api.MethodInsight:
		c.watching.Store(true)
	case api.MethodKeys:
		c.keys.Store(true)
	}
}

// may calls the method if the client may, and has what is to be noted noted.
func (c *conn) may(ctx context.Context, req api.Request) (any, error) {
	needed := scopeOf(req.Method)
	switch {
	case c.hub.config.Who == nil:
	case c.gone.Load():
		return nil, api.Errorf(api.Unauthorized, "you are logged out: log in again")
	case !c.who.Scope.Allows(needed):
		return nil, api.Errorf(api.Forbidden, "you may only %s here, and this needs %s: ask an admin for it", c.who.Scope, needed)
	}
	ctx, remarks := audit.With(ctx)
	result, err := c.call(ctx, req)
	if what := audited[req.Method]; what != "" && err == nil {
		remarks.Write(c.audit, what)
	}
	return result, err
}

// call calls the method. A panic in it fails this call alone.
func (c *conn) call(ctx context.Context, req api.Request) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %v\n%s", req.Method, p, debug.Stack())
		}
	}()
	return c.hub.methods[req.Method](ctx, c, req.Params)
}

// reply answers a request, unless it is a notification.
func (c *conn) reply(req api.Request, result any, err error) {
	response := api.Response{ID: req.ID}
	if err == nil {
		response.Result, err = encodeResult(result)
	}
	if err != nil {
		response.Error = c.fault(req.Method, err)
	}
	if len(req.ID) > 0 {
		c.respond(response)
	}
}

// respond queues a response once there is room for it.
func (c *conn) respond(response api.Response) {
	response.JSONRPC = "2.0"
	msg, err := encode(response)
	if err != nil {
		c.hub.config.Log.Error("response not sent", "err", err)
		return
	}
	_ = c.out.addWaiting(c.ctx, msg) // fails only when the connection has ended
}

// maxResult leaves room for the rest of a response.
const maxResult = api.MaxMessageBytes - 1024

func encodeResult(result any) (json.RawMessage, error) {
	raw, err := encode(result)
	if err == nil && len(raw) > maxResult {
		err = api.Errorf(api.TooLarge, "the answer has %d bytes, and a message at most %d: ask for less at once", len(raw), maxResult)
	}
	return raw, err
}

var errNoMethod = errors.New("no such method")

// fault is err as the client gets it. What it must not see is logged.
func (c *conn) fault(name string, err error) *api.RPCError {
	if errors.Is(err, errNoMethod) {
		return &api.RPCError{Code: api.RPCNoMethod, Message: fmt.Sprintf("there is no method %.60q: see the list of methods in shared/api", name)}
	}
	shown := api.AsError(err)
	if shown.Code == api.Internal && c.ctx.Err() == nil {
		c.hub.config.Log.Error("websocket request failed", "method", name, "err", err, "cause", errors.Unwrap(shown))
	}
	code := api.RPCFailed
	if _, ok := errors.AsType[errParams](err); ok {
		code = api.RPCInvalidParams
	}
	return &api.RPCError{Code: code, Message: shown.Message, Data: shown}
}

// refuseStranger answers somebody who is not known, or not now.
func (h *Hub) refuseStranger(w http.ResponseWriter, r *http.Request, err error) {
	shown := api.AsError(err)
	if shown.Code == api.Unauthorized {
		h.refuse(w, r, http.StatusUnauthorized, shown)
		return
	}
	h.config.Log.Error("nobody can be let in over the websocket", "err", err)
	h.refuse(w, r, http.StatusServiceUnavailable, api.Errorf(api.Unavailable, "who you are cannot be looked up now: try again soon"))
}

// refuse answers a handshake with a problem document.
func (h *Hub) refuse(w http.ResponseWriter, r *http.Request, status int, err *api.Error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status,
		"code": err.Code, "detail": err.Message, "requestId": h.config.RequestID(r),
	}) // a client that is gone needs no answer
}
