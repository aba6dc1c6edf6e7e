package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

// drawing is what the charts have in common while they are in the page: they are drawn
// anew when the session changes, and follow the pointer and the keys without go-app,
// which would draw the page anew for each movement.
type drawing struct{ release []func() }

// plotEvents are what can happen on a plot.
type plotEvents struct {
	Point func(x float64)   // the pointer is at a fraction of the width; -1: it has left
	Press func()            // it was pressed there; may be nil
	Key   func(e app.Value) // a key was
}

// begin draws w, whose plot has the id, and follows what happens there until end.
func (d *drawing) begin(ctx app.Context, s *session, w watcher, id string, draw func(), on plotEvents) {
	s.watch(w)
	ctx.Defer(func(app.Context) {
		if plot := byID(id); plot.Truthy() {
			d.follow(plot, on)
		}
		draw()
	})
}

func (d *drawing) end(s *session, w watcher) {
	s.unwatch(w)
	for _, f := range d.release {
		f()
	}
	d.release = nil
}

func (d *drawing) follow(plot app.Value, do plotEvents) {
	on := func(event string, do func(e app.Value)) {
		f := app.FuncOf(func(_ app.Value, args []app.Value) any {
			do(args[0])
			return nil
		})
		plot.Call("addEventListener", event, f)
		d.release = append(d.release, func() {
			plot.Call("removeEventListener", event, f)
			f.Release()
		})
	}
	move := func(e app.Value) {
		box := plot.Call("getBoundingClientRect")
		if width := box.Get("width").Float(); width > 0 {
			do.Point((e.Get("clientX").Float() - box.Get("left").Float()) / width)
		}
	}
	on("pointermove", move)
	on("pointerdown", func(e app.Value) {
		move(e)
		if do.Press != nil {
			do.Press()
		}
	})
	on("pointerleave", func(app.Value) { do.Point(-1) })
	on("blur", func(app.Value) { do.Point(-1) })
	on("keydown", do.Key)
}
