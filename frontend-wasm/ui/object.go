package ui

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// objectPage shows one object: its bytes, where they came from, and what is
// known of it.
type objectPage struct {
	app.Compo

	s   *session
	ctx app.Context // nil until mounted
	key string

	object  *api.Object
	asOf    int64 // when object was seen, in Unix milliseconds
	missing bool  // the server has no such key
	err     string
	seq     int // of the newest reading of the metadata
	view    view
	now     int64

	cached   *api.Cached // nil when it is not known
	zoom     float64     // of the image; 0 is as large as there is room
	noWrap   bool        // of the text
	renaming bool        // the form of a new key is open
}

// OnMount shows what is known at once and asks for what is new.
func (p *objectPage) OnMount(ctx app.Context) {
	p.ctx = ctx
	p.s.watch(p)
	p.open(pageQuery(ctx).Get("key"))
	app.Window().Call("scrollTo", 0, 0)
}

// OnDismount lets go of the bytes.
func (p *objectPage) OnDismount() {
	p.s.unwatch(p)
	p.view.close()
}

// OnNav follows the address to another key.
func (p *objectPage) OnNav(ctx app.Context) {
	if key := pageQuery(ctx).Get("key"); p.ctx != nil && key != p.key {
		p.open(key)
	}
}

func (p *objectPage) open(key string) {
	p.view.close()
	p.key, p.object, p.asOf, p.missing, p.err, p.now = key, nil, 0, false, "", wallNow()
	p.cached, p.zoom, p.renaming = nil, 0, false
	p.ctx.Page().SetTitle(key + " – MemCache")
	if err := api.CheckKey(key); err != nil {
		p.missing, p.err = true, failure(err)
		return
	}
	if known := p.s.seen.object(key); known.At != 0 {
		o := known.Value
		p.object, p.asOf = &o, known.At
		p.fetch() // at once, and without a server from what the browser kept
	}
	p.load()
}

func (p *objectPage) sessionChanged(c change, n *news) {
	if c&changeStart != 0 {
		p.open(p.key)
		return
	}
	if c&changeConn != 0 && p.s.live() || n != nil && n.touches(p.key) {
		p.load()
	}
	if c&changeConn != 0 || c&changeClock != 0 && wallNow()-p.now > 10_000 {
		p.now = wallNow()
		p.loadCached()
		p.Update()
	}
}

// load reads the metadata; bytes that are new by it are fetched after that.
func (p *objectPage) load() {
	if !p.s.live() || p.key == "" || api.CheckKey(p.key) != nil {
		p.Update()
		return
	}
	p.seq++
	seq, o := p.seq, new(api.Object)
	p.s.call(api.MethodStat, api.KeyParams{Key: p.key}, o, func(err error) {
		if seq == p.seq && p.ctx.Err() == nil {
			p.loaded(o, err)
		}
	})
}

func (p *objectPage) loaded(o *api.Object, err error) {
	defer p.Update()
	p.now = wallNow()
	if e := api.AsError(err); e != nil {
		p.missing, p.err = e.Code == api.NotFound || e.Code == api.Invalid, failure(e)
		if p.missing {
			p.object = nil
			p.view.close()
			_ = p.s.seen.forgetObject(p.now, p.key)
		}
		return
	}
	p.missing, p.err = false, ""
	p.object, p.asOf = o, p.now
	_ = p.s.seen.keepObject(p.now, *o)
	if p.view.etag != o.ETag || p.view.err != "" {
		p.fetch()
	}
}

// fetch gets the bytes, or of a large object enough to see where it came from.
func (p *objectPage) fetch() {
	p.view.fetch(p.ctx, *p.object, func() {
		p.Update()
		p.loadCached()
	})
}

func (p *objectPage) onAgain(app.Context, app.Event) {
	if p.object != nil {
		p.fetch()
	}
}

// etag is that of the object as it is shown, or as it was seen last; "" when it is
// not known.
func (p *objectPage) etag() string {
	if p.object == nil {
		return p.s.seen.object(p.key).Value.ETag
	}
	return p.object.ETag
}

func (p *objectPage) onReplace(ctx app.Context, _ app.Event) {
	input := ctx.JSSrc()
	if files := input.Get("files"); files.Get("length").Int() > 0 {
		p.s.replace(p.key, p.etag(), files.Index(0))
	}
	input.Set("value", "")
}

// invalidate drops the cached copy of key and tells how it went; done may be nil.
func (s *session) invalidate(key string, done func(error)) {
	s.call(api.MethodInvalidate, api.KeyParams{Key: key}, nil, func(err error) {
		if err != nil {
			s.complain(tf("Not invalidated: %s", failure(err)))
		} else {
			s.tell(tf("No copy of %s is in memory any more; the object itself stays.", quoted(key)))
		}
		if done != nil {
			done(err)
		}
	})
}

func (p *objectPage) onBroken(app.Context, app.Event) { p.view.broken = true }
