package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/klauspost/compress/zstd"

	"memcache/backend/internal/browsertest"
)

// The lab's experiment that most of its tests repeat, as the page's address and the
// command name it.
const (
	labWorkload   = "scan,requests=60000,keys=4000,exponent=0.9,period=5000,length=500,size=512-65536,seed=3"
	labCapacities = "0.5%..100%/6"
)

var million = flag.Bool("million", false, "run the lab's experiment of a million requests over 8 policies and 12 capacities, and tell how long it takes")

// A million requests over 8 policies and 12 capacities: how long they take, and how
// long the page stands still meanwhile, is told; what it should be is in the README of
// frontend-wasm/lab.
func TestLabMillion(t *testing.T) {
	if !*million {
		t.Skip("not asked for: -million")
	}
	s := start(t)
	p := openPage(t, browsertest.Measured())
	p.ready(s, "/lab?trace=photographs,requests=1000000,keys=100000&capacities=0.1%25..100%25/12")
	p.until(`document.querySelector("#lab-requests").value === "1000000"`)
	p.run(`window.longest = 0; { let last = performance.now(); const beat = () => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; setTimeout(beat); }; beat(); }`)
	began := time.Now()
	p.click("#lab-run")
	p.untilWithin(8*time.Minute, `document.querySelector("#lab-state").dataset.state === "done"`)
	t.Logf("%d workers, %.1f s (%s); the page stood still for %.0f ms at most", eval[int](p, `navigator.hardwareConcurrency`),
		time.Since(began).Seconds(), eval[string](p, `document.querySelector("#lab-status").innerText`), eval[float64](p, `longest`))
}

// printed is what the command sim prints.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(installed, "bin", "memcache-cache"), append([]string{"sim"}, args...)...)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	if err := cmd.Run(); err != nil {
		t.Fatalf("memcache-cache sim %q: %v\n%s", args, err, told.String())
	}
	return out.String()
}

// catchFiles lets the test have what the page saves.
func (p *page) catchFiles() {
	p.t.Helper()
	p.run(`window.savedFiles = []; URL.createObjectURL = (blob) => { blob.text().then(t => savedFiles.push(t)); return "blob:" + location.origin + "/none"; }; HTMLAnchorElement.prototype.click = () => {};`)
}

// saved is what a click on the button saves.
func (p *page) saved(button string) string {
	p.t.Helper()
	p.run(`savedFiles.length = 0`)
	p.click(button)
	p.until(`savedFiles.length === 1`)
	return eval[string](p, `savedFiles[0]`)
}

// runLab runs the experiment that is in the form until it is done.
func (p *page) runLab() {
	p.t.Helper()
	p.has("#lab-state")
	before := eval[int](p, `Number(document.querySelector("#lab-state").dataset.run)`)
	p.click("#lab-run")
	p.has(fmt.Sprintf(`#lab-state[data-state="done"][data-run="%d"]`, before+1))
}

// An experiment by its address: the numbers are those of the command, to the last
// digit; another browser has them again, and a browser without a network, too.
func TestLabRunsWhatItsAddressNames(t *testing.T) {
	t.Parallel()
	s := start(t)
	profile := browsertest.Profile(t.TempDir())
	p := openPage(t, profile)
	p.ready(s, "/lab?trace="+labWorkload+"&capacities="+strings.ReplaceAll(labCapacities, "%", "%25")+"&seed=5&baseline=fifo")
	p.until(`document.querySelector("#lab-requests").value === "60000" && document.querySelector("#lab-from").value === "0.5"`)
	p.catchFiles()
	p.runLab()
	want := printed(t, "-generate", labWorkload, "-capacities", labCapacities, "-seed", "5")
	if got := p.saved("#lab-csv"); got != want {
		t.Errorf("the page has\n%s\nthe command prints\n%s", got, want)
	}
	p.until(`document.querySelectorAll("#lab-table [data-cell]").length === 48`)
	p.until(`[...document.querySelectorAll("#lab-objects path[id$=-dots]")].every(e => (e.getAttribute("d").match(/M/g) ?? []).length === 6)`)
	p.until(`document.querySelector("#lab-time-lru").getAttribute("d").split("L").length > 100`)
	p.shows("#lab-findings", "points over FIFO")
	before := eval[string](p, `document.querySelector("#lab-best-hits").nextElementSibling.innerText`)
	p.run(`document.querySelector("#lab-objects-plot").focus()`)
	p.press(kb.ArrowRight)
	p.press(kb.Home)
	p.press(kb.Enter)
	p.until(`document.querySelector("#lab-look").value === "0"`)
	p.until(fmt.Sprintf(`document.querySelector("#lab-best-hits").nextElementSibling.innerText !== %s`, quote(before)))
	for _, button := range []string{"#lab-svg-objects", "#lab-svg-bytes", "#lab-svg-time"} {
		if svg := p.saved(button); !strings.HasPrefix(svg, "<svg xmlns=") || !strings.Contains(svg, "S3-FIFO") || !strings.Contains(svg, "</svg>") {
			t.Errorf("%s saves %.200s", button, svg)
		}
	}
	address := eval[string](p, `location.pathname + location.search`)
	if command := eval[string](p, `document.querySelector("#lab-command").innerText`); !strings.Contains(command, labWorkload) {
		t.Errorf("the command is %s", command)
	}

	// What came out fits a phone, and everybody can read it.
	p.bothSchemes(t, "lab-results-1280")
	p.do("set the width", chromedp.EmulateViewport(320, 844))
	p.bothSchemes(t, "lab-results-320")
	p.accessible("the lab's results")
	p.do("set the width", chromedp.EmulateViewport(1280, 800))

	// The results are there after a look at another page, and the settings open with
	// the address elsewhere, without a server, too.
	p.click("#nav-stats")
	p.shows("h1", "Statistics")
	p.click("#nav-lab")
	p.has(`#lab-state[data-state="done"]`)
	p.until(`navigator.serviceWorker.controller`)
	p.until(`caches.keys().then(names => names.some(n => n.startsWith("memcache-shell-")))`)
	browsertest.Stop(t, p.ctx)
	s.stop()

	offline := openPage(t, profile, serverGone)
	offline.open(s.url + address)
	offline.has(`#notice[data-kind="offline"]`)
	offline.catchFiles()
	offline.runLab()
	if got := offline.saved("#lab-csv"); got != want {
		t.Errorf("offline the page has\n%s\nthe command prints\n%s", got, want)
	}
}

// Traces in files of all kinds, with lines that are wrong, dropped and chosen.
func TestLabImportsTraces(t *testing.T) {
	t.Parallel()
	s := start(t)
	var csv strings.Builder
	csv.WriteString("time,key,size\n")
	for i := range 20_000 {
		if i == 7 || i == 9 {
			csv.WriteString("0,<b>key</b>,many\n")
		}
		fmt.Fprintf(&csv, "%d.5,%d,%d\n", i, (i*i)%997, 100+(i*i)%997)
	}
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{g, z} {
		if _, err := io.WriteString(w, csv.String()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	plain := writeFile(t, "trace.csv", []byte(csv.String()))
	want := printed(t, "-trace", plain, "-capacities", labCapacities)

	p := openPage(t)
	p.ready(s, "/lab")
	p.catchFiles()
	p.click("#lab-source-file")
	var experiment string
	for _, file := range []string{plain, writeFile(t, "trace.csv.gz", gz.Bytes()), writeFile(t, "trace.csv.zst", zst.Bytes())} {
		p.choose("#lab-file", file)
		p.shows("#lab-understood", filepath.Base(file))
		p.shows("#lab-understood", "20,000 requests for")
		p.shows("#lab-bad", "2 lines were left out")
		p.shows("#lab-bad-lines", "is not a number of bytes")
		p.until(`document.querySelector("#lab-bad-lines tbody").innerText.includes("<b>key</b>") && document.querySelectorAll("#lab-bad-lines td:first-child")[1].innerText === "12"`)
		p.choice("#lab-unit", "list")
		p.fill("#lab-list", labCapacities)
		p.runLab()
		p.shows("#lab-findings", filepath.Base(file))
		if got := p.saved("#lab-csv"); got != want {
			t.Errorf("%s: the page has\n%s\nthe command prints\n%s", file, got, want)
		}
		experiment = p.saved("#lab-save")
	}
	if !json.Valid([]byte(experiment)) {
		t.Fatalf("the experiment is saved as %s", experiment)
	}

	// Somebody else opens the experiment, then the trace that it asks for, by dropping it.
	p.ready(s, "/lab")
	p.click("#lab-source-file")
	p.choose("#lab-file", writeFile(t, "experiment.json", []byte(experiment)))
	p.shows("#lab-wanted", "trace.csv.zst")
	p.run(fmt.Sprintf(`{
		const files = new DataTransfer();
		files.items.add(new File([%s], "mine.csv", {type: "text/csv"}));
		for (const type of ["dragenter", "dragover", "drop"]) {
			document.body.dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: files}));
		}
	}`, quote(csv.String())))
	p.shows("#lab-understood", "mine.csv")
	p.runLab()
	p.shows("#lab-repeated", "all 48 lines")

	p.choose("#lab-file", writeFile(t, "page.html", []byte("<html>\n<body>")))
	p.shows("#lab-problem", "no line is a request")
	p.choose("#lab-file", writeFile(t, "cut.csv.gz", gz.Bytes()[:gz.Len()/2]))
	p.shows("#lab-problem", "EOF")
	p.choose("#lab-file", writeFile(t, "wrong.json", []byte("{}")))
	p.shows("#toasts", "not an experiment")
}

// A recording of the server's own traffic, made and opened on the page; and a long
// experiment, which leaves the page responsive and is cancelled with what there is.
func TestLabReplaysARecordingAndIsCancelled(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, key := range []string{"a", "b"} {
		s.do("PUT", "/objects/"+key, strings.NewReader(strings.Repeat(key, 5000)), http.StatusCreated)
	}
	p := openPage(t)
	p.ready(s, "/lab")
	p.click("#lab-source-recorded")
	p.click("#lab-record")
	p.has(`#lab-recording[data-state="running"]`)
	for range 20 {
		s.do("GET", "/objects/a", nil, http.StatusOK)
		s.do("GET", "/objects/b", nil, http.StatusOK)
	}
	p.click("#lab-stop-record")
	p.has(`#lab-recording[data-state="done"]`)
	p.click("#lab-open-recording")
	p.shows("#lab-understood", "CSV in gzip")
	p.shows("#lab-understood", "for 2 keys")
	p.runLab()
	p.until(`document.querySelectorAll("#lab-table [data-cell]").length > 8`)

	p.click("#lab-source-made")
	p.fill("#lab-requests", "2000000")
	p.fill("#lab-keys", "300000")
	before := eval[int](p, `Number(document.querySelector("#lab-state").dataset.run)`)
	p.click("#lab-run")
	p.has(fmt.Sprintf(`#lab-state[data-state="running"][data-run="%d"]`, before+1))
	p.until(`Number(document.querySelector("#lab-done").dataset.done) >= 2`)
	p.until(`Number(document.querySelector("#lab-progress").getAttribute("value")) > 0`)
	p.click("#nav-cache")
	p.shows("h1", "Cache")
	p.click("#nav-lab")
	p.click("#lab-cancel")
	p.has(`#lab-state[data-state="stopped"]`)
	done := eval[int](p, `Number(document.querySelector("#lab-done").dataset.done)`)
	if done < 2 || done >= 96 {
		t.Errorf("%d of 96 results are there after it was cancelled", done)
	}
	p.fill("#lab-requests", "1000")
	p.fill("#lab-keys", "1000")
	p.runLab()
}
