package ui

import (
	"encoding/json"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/lab/wire"
)

// labScript is what a worker of the lab runs.
const labScript = "/web/lab-worker.js"

// browserWorker is a worker of the browser.
type browserWorker struct {
	value    app.Value
	releases []app.Func
}

// startLabWorker starts a worker, which tells what it has to say through the inbox.
func (s *session) startLabWorker(id int) labWorker {
	w := &browserWorker{value: app.Window().Get("Worker").New(labScript)}
	hear := func(t wire.Tell) { s.box.put(func(n *news) { n.addLab(labWord{id, t}) }) }
	w.on("onmessage", func(e app.Value) {
		var t wire.Tell
		if err := json.Unmarshal([]byte(e.Get("data").String()), &t); err != nil {
			t = wire.Tell{Dead: err.Error()}
		}
		hear(t)
	})
	w.on("onerror", func(e app.Value) {
		e.Call("preventDefault")
		text := t("a worker could not be started")
		if message := e.Get("message"); message.Truthy() {
			text = message.String()
		}
		hear(wire.Tell{Dead: text})
	})
	return w
}

func (w *browserWorker) on(event string, do func(e app.Value)) {
	f := app.FuncOf(func(_ app.Value, args []app.Value) any {
		do(args[0])
		return nil
	})
	w.value.Set(event, f)
	w.releases = append(w.releases, f)
}

func (w *browserWorker) ask(a wire.Ask, file app.Value) {
	text, err := json.Marshal(a)
	if err != nil {
		return // it has nothing that JSON does not know
	}
	message := map[string]any{"text": string(text)}
	if file != nil {
		message["file"] = file
	}
	w.value.Call("postMessage", message)
}

func (w *browserWorker) end() {
	w.value.Call("terminate")
	w.value.Set("onmessage", nil)
	w.value.Set("onerror", nil)
	for _, f := range w.releases {
		f.Release()
	}
}

// cores is how many workers can work at the same time.
func cores() int {
	if n := app.Window().Get("navigator").Get("hardwareConcurrency"); n.Truthy() {
		return n.Int()
	}
	return 2
}
