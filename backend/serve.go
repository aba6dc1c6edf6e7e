package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"memcache/backend/internal/access"
	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/certs"
	"memcache/backend/internal/front"
	"memcache/backend/internal/httpapi"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

const (
	// maxHeaderBytes is the longest header of a request; a longer one gets 431.
	maxHeaderBytes = 64 << 10
	// drainTimeout is how long requests in flight may take after the signal to end.
	drainTimeout = 10 * time.Second
)

// door is where clients come in: the listeners, and the servers behind them.
type door struct {
	listener net.Listener
	server   *http.Server
	front    *front.Listener // in front of listener, where that is open to this machine or to everybody
	tls      certs.Source    // nil: without
	refusing net.Listener    // in the place of listener where there is no front
	plain    net.Listener    // where browsers are sent to TLS; nil: nowhere
	redirect *http.Server    // on plain

	leaving    atomic.Bool   // the signal to end came
	drainDelay time.Duration // for how long requests are taken after it
}

// listen takes the addresses, before anything else is begun.
func (a *app) listen(cfg config) (err error) {
	a.drainDelay = cfg.drainDelay
	if a.tls, err = cfg.certificates(a.log); err != nil {
		return err
	}
	if a.listener, err = a.listenOn("listen", cfg.listen); err != nil {
		return err
	}
	if cfg.listenHTTP != "" {
		a.plain, err = a.listenOn("listen-http", cfg.listenHTTP)
	}
	return err
}

func (a *app) listenOn(flag, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; if another program has that port, choose a free one with -%s", address, err, flag)
	}
	a.defers(func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return listener, nil
}

// answer puts the handler behind the listeners.
func (a *app) answer(cfg config, rules *access.Rules, handler httpapi.Handler, objects *storage.Store, nodes *cachelink.Client) {
	newServer := func(h http.Handler) *http.Server {
		return &http.Server{
			Handler: h, ReadHeaderTimeout: cfg.headerTimeout, IdleTimeout: cfg.idleTimeout, MaxHeaderBytes: maxHeaderBytes,
			ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		}
	}
	a.server = newServer(rules.HTTPS(handler))
	switch {
	case a.tls != nil:
		a.server.TLSConfig = a.tls.TLS()
		a.refusing = front.Refusing(a.listener, a.server, handler.Refuse)
	case cfg.proxies == "" && !cfg.asksLogin():
		a.server.Handler = handler
		a.front = front.New(front.Config{
			Listener: a.listener, Handler: handler, Prefix: api.ObjectsPath, Hits: handler, Memory: objects.Memory(), Refuse: handler.Refuse,
			Idle: cfg.idleTimeout, First: cfg.headerTimeout, Stall: cfg.stallTimeout, Log: a.log,
		})
		a.front.Attach(a.server)
	default:
		a.refusing = front.Refusing(a.listener, a.server, handler.Refuse)
	}
	if a.plain != nil {
		_, port, _ := net.SplitHostPort(a.listener.Addr().String()) // it has one
		a.redirect = newServer(a.tls.HTTP(rules.Redirect(port)))
		a.redirect.ReadTimeout, a.redirect.WriteTimeout = cfg.headerTimeout, cfg.headerTimeout
		a.plain = front.Refusing(a.plain, a.redirect, handler.Refuse)
	}
}

// address is where the backend is reached.
func (d *door) address() string {
	scheme := "http"
	if d.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + d.listener.Addr().String()
}

// run answers until the server is shut down.
func (d *door) run() error {
	switch {
	case d.tls != nil:
		return d.server.ServeTLS(d.refusing, "", "")
	case d.front != nil:
		return d.server.Serve(d.front)
	}
	return d.server.Serve(d.refusing)
}

// errLeaving is why a server that is about to end is not ready.
var errLeaving = errors.New("this server ends")

// checkStays fails from the signal to end on.
func (d *door) checkStays(context.Context) error {
	if d.leaving.Load() {
		return errLeaving
	}
	return nil
}

// serve answers until ctx ends, then drains: it is not ready any more, and after the
// delay there are no new requests, the sockets are closed, those in flight may finish.
// It tells once what state the parts are in.
func (a *app) serve(ctx context.Context, tell func(state string)) error {
	telling, stop := context.WithCancel(ctx)
	var teller sync.WaitGroup
	teller.Go(func() { tell(a.readiness(telling)) })
	defer teller.Wait()
	defer stop()
	served := make(chan error, 2)
	running := 1
	go func() { served <- a.run() }()
	if a.redirect != nil {
		running++
		go func() { served <- a.redirect.Serve(a.plain) }()
	}
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	a.log.Info("stopping", "delay", a.drainDelay, "grace", drainTimeout)
	a.leaving.Store(true)
	time.Sleep(a.drainDelay) // load balancers look elsewhere meanwhile
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	hubDone := make(chan error, 1)
	go func() { hubDone <- a.hub.Shutdown(drain) }()
	err := a.shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		a.log.Warn("requests in flight were cut off", "grace", drainTimeout)
		err = a.server.Close()
	}
	for range running {
		<-served
	}
	return errors.Join(err, <-hubDone)
}

// readyWithin is how long the parts may take to answer until the start goes on
// without them.
const readyWithin = 10 * time.Second

// readiness waits until every part answers, and tells at last what does.
func (a *app) readiness(ctx context.Context) string {
	for began := time.Now(); ; {
		state, _ := httpapi.Ask(ctx, a.parts)
		if state == httpapi.Ready || time.Since(began) > readyWithin {
			return state
		}
		select {
		case <-ctx.Done():
			return state
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// shutdown ends the servers once what they are at is done.
func (d *door) shutdown(ctx context.Context) error {
	err := d.server.Shutdown(ctx)
	if d.front != nil {
		err = errors.Join(err, d.front.Drain(ctx))
	}
	if d.redirect != nil {
		err = errors.Join(err, d.redirect.Close())
	}
	return err
}
