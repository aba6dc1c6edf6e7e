package ui

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

const recordingPath = api.Base + "/recording"

// recordSeconds is how long a new recording is to be, as it stands in the field.
func (p *labPage) recordSeconds() string {
	if p.seconds == "" {
		return "600"
	}
	return p.seconds
}

// loadRecording asks the server for what it has recorded, where that is shown.
func (p *labPage) loadRecording() {
	if p.s.lab.form.source == sourceRecorded && p.s.live() && !p.recBusy {
		p.recordingDo("GET", "")
	}
}

func (p *labPage) onRecord(app.Context, app.Event) {
	seconds, err := strconv.Atoi(strings.TrimSpace(p.recordSeconds()))
	if err != nil {
		p.recErr = tf("%q is not a whole number of seconds.", p.seconds)
		return
	}
	body, err := json.Marshal(api.RecordingStart{Seconds: seconds})
	if err == nil {
		p.recordingDo("POST", string(body))
	}
}

func (p *labPage) onStopRecord(app.Context, app.Event) { p.recordingDo("DELETE", "") }

// recordingDo asks the server, which answers with the recording as it then is.
func (p *labPage) recordingDo(method, body string) {
	p.recBusy = true
	go func() {
		status, answer, err := send(p.ctx, method, recordingPath, map[string]any{}, body)
		p.ctx.Dispatch(func(app.Context) {
			p.recBusy, p.recErr = false, ""
			var r api.Recording
			switch {
			case err != nil:
				p.recErr = t("The server cannot be reached.")
			case status >= 300:
				p.recErr = problemText(status, answer)
			case json.Unmarshal(answer, &r) == nil:
				p.recording = &r
			}
			p.Update()
		})
	}()
}

// onOpenRecording opens the last recording as a trace.
func (p *labPage) onOpenRecording(app.Context, app.Event) {
	p.recBusy = true
	go func() {
		r, err := fetch(p.ctx, recordingPath+"/file", "")
		problem := ""
		if err != nil {
			problem = t("The server cannot be reached.")
		} else if r.Status != 200 {
			const most = 64 << 10
			answer, _ := r.bytes(p.ctx, most)
			problem = problemText(r.Status, answer)
		}
		p.ctx.Dispatch(func(app.Context) {
			p.recBusy, p.recErr = false, problem
			if problem == "" && !p.s.lab.running() {
				p.s.lab.choose(labSource{File: r.blob, Name: "memcache-recording.csv.gz"})
			}
			p.redraw()
		})
	}()
}

func (p *labPage) onDownloadRecording(app.Context, app.Event) { download(recordingPath + "/file") }

// recorded is where a recording of the server is made and chosen.
func (p *labPage) recorded() app.UI {
	if !p.s.live() {
		return words("p", "lab-recording", "muted", t("Recordings are made by the server: they can be chosen when it answers."))
	}
	r := p.recording
	if r == nil {
		r = &api.Recording{}
	}
	text, running, done := t("There is no recording yet."), r.State == api.RecordingRunning, r.State == api.RecordingDone
	if running {
		text = tf("Recording: %s, %s so far.", tn(r.Events, "%s request", "%s requests"), size(r.Bytes))
	} else if done {
		text = tf("Recorded on %s: %s in %s, %s.", exactTime(r.Started), tn(r.Events, "%s request", "%s requests"), spanText(float64(r.Seconds)), size(r.Bytes))
	}
	if r.Lost > 0 {
		text += " " + tf("%s more were not recorded, for want of time.", count(r.Lost))
	}
	if p.recording == nil {
		text = "\u00a0"
	}
	free := !p.recBusy
	var anew app.UI = node("div", "", "lab-fields",
		field("lab-seconds", t("Seconds to record"), "number", onText(&p.seconds)),
		node("div", "", "buttons",
			push("lab-record", "button", "memory", t("Record anew"), !running && free, p.onRecord),
			push("lab-stop-record", "button", "close", t("Stop"), running && free, p.onStopRecord)))
	if !p.s.may(api.ScopeAdmin) {
		anew = words("p", "", "muted rights-note", t("Only an admin may start and stop recordings."))
	}
	return node("div", "lab-recording", "lab-recording",
		words("p", "", "", text).Attr("role", "status"),
		words("p", "", "muted", t("A recording has the times, sizes and outcomes of requests, and for each key a number that tells nothing of it. The server keeps the last one until its cache ends.")),
		node("div", "", "buttons",
			push("lab-open-recording", "button button-primary", "open", t("Open it here"), done && free, p.onOpenRecording),
			push("lab-download-recording", "button", "download", t("Download"), done && free, p.onDownloadRecording)),
		anew,
		words("p", "lab-recording-problem", "bad", p.recErr).Attr("role", "alert"),
	).DataSet("state", r.State)
}
