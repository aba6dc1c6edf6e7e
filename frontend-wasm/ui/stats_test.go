package ui

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

func hours(n int) api.Stats {
	day := api.Stats{Now: 1_700_000_000_000, Seconds: 24 * 3600}
	for i := range n {
		day.Samples = append(day.Samples, api.Sample{Time: day.Now - int64(n-1-i)*3600_000, Seconds: 3600, Requests: 10, Hits: 5, Misses: 5, Items: int64(i)})
	}
	return day
}

func TestStatisticsOfALongerWindow(t *testing.T) {
	s := newSession()
	s.stats = newWindow(api.Stats{Samples: []api.Sample{{Time: 1000, Seconds: 1, Requests: 1}}})
	s.long = newWindow(hours(24))
	p := &statsPage{s: s, open: true}
	markup := draw(t, p)
	for _, want := range []string{`id="window-1d"`, ">240<", "in a day", "50.0 %", `id="numbers-csv"`, `<th scope="row"`, "Hits p99", `id="marks"`, "Nothing was changed"} {
		if !strings.Contains(markup, want) {
			t.Errorf("there is no %q in %s", want, markup)
		}
	}
	for _, a := range regexp.MustCompile(`<a[^>]*window-[^>]*>`).FindAllString(markup, -1) {
		if strings.Contains(a, "aria-current") != strings.Contains(a, "window-1d") {
			t.Errorf("of the windows, the day is shown, and there is %s", a)
		}
	}
	p.open = false
	if markup := draw(t, p); strings.Contains(markup, "<table") {
		t.Error("the table is there though it is closed")
	}
	s.longErr = "the database is away"
	if markup := draw(t, p); !strings.Contains(markup, "the database is away") {
		t.Errorf("the error is not shown in %s", markup)
	}
	offline := newSession()
	offline.conn = connState{Since: time.Now(), Err: "refused"}
	offline.long = window{Seconds: 3600}
	if markup := draw(t, &statsPage{s: offline}); !strings.Contains(markup, "when it answers") {
		t.Errorf("offline, without samples, there is %s", markup)
	}
}

func TestTableHasFewRowsOfAllTheSamples(t *testing.T) {
	w := newWindow(hours(24))
	rows := w.rows(6)
	if sum := api.Summarize(rows); len(rows) != 6 || sum.Requests != 240 {
		t.Fatalf("%d rows with %d requests, want 6 with 240", len(rows), sum.Requests)
	}
	if rows[0].Time != w.Now || rows[0].Items != 23 || rows[0].Seconds != 4*3600 {
		t.Errorf("the first row is %+v, want the newest four hours as they ended", rows[0])
	}
}

func TestArrowKeysGoFromSampleToSample(t *testing.T) {
	w := newWindow(hours(24))
	at := w.step(-1, 0)
	if w.at(at) != 23 {
		t.Errorf("the keys begin at sample %d, want the newest", w.at(at))
	}
	for _, c := range []struct{ by, want int }{{-1, 22}, {-10, 12}, {1, 13}, {-1000, 0}, {1000, 23}} {
		if at = w.step(at, c.by); w.at(at) != c.want {
			t.Errorf("%+d leads to sample %d, want %d", c.by, w.at(at), c.want)
		}
	}
	empty := newWindow(api.Stats{})
	if empty.step(0.5, 1) != 1 {
		t.Error("a window without samples has one to go to")
	}
}

func TestLongWindowShowsWhereNothingWasRecorded(t *testing.T) {
	day := hours(24)
	day.Seconds = 7 * 24 * 3600 // where a sample is of ten minutes
	w := newWindow(day)
	if n := len(runs(&w, itemCount, 24)); n != 24 {
		t.Errorf("%d runs: an hour without samples is no gap", n)
	}
	for i := range day.Samples {
		day.Samples[i].Time = day.Now - int64(23-i)*600_000
	}
	w = newWindow(day)
	if n := len(runs(&w, itemCount, 24)); n != 1 {
		t.Errorf("%d runs: samples of ten minutes each are not joined", n)
	}
}

func TestCSV(t *testing.T) {
	got := csv([]api.Sample{{
		Time: 1_700_000_000_123, Seconds: 4.9996, Requests: 7, Hits: 5, Misses: 2, Evictions: 1, Items: 3, Bytes: 1 << 30, Capacity: 2 << 30,
		Reads: api.Reads{Seconds: 5, MemoryBytes: 11, DiskBytes: 22, Misses: api.Times{0, 0, 4}},
	}})
	want := "time,seconds,requests,hits,misses,evictions,items,bytes,capacity,memory_bytes,disk_bytes,hit_p50,hit_p95,hit_p99,miss_p50,miss_p95,miss_p99\r\n" +
		"2023-11-14T22:13:20.123Z,5.000,7,5,2,1,3,1073741824,2147483648,11,22,,,,0.000021,0.000025,0.000025\r\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNumbersAndTimesOfAnotherLocale(t *testing.T) {
	t.Cleanup(func() { reader.Store(nil) })
	reader.Store(&locale{group: ".", decimal: ",", time: func(timeStyle, int64) string { return "Montag" }})
	for got, want := range map[string]string{
		count(1234567): "1.234.567", percent(0.913): "91,3 %", millis(1.25): "1,2 ms", size(3 << 20): "3,0 MB", exactTime(1): "Montag",
		axisTime(1, 600): "Montag", short(2.5): "2,5",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
