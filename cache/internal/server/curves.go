package server

import (
	"fmt"
	"strconv"
	"time"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/tap"
	"memcache/cache/mrc"
)

// windows are the names of the windows in stats mrc.
var windows = map[mrc.Window]string{mrc.FiveMinutes: "5m", mrc.Hour: "1h"}

// curves answers stats mrc.
func (c *conn) curves() error {
	if c.s.Tap == nil {
		return memproto.ErrUnknown
	}
	return c.aside(func() string {
		var stats []Setting
		for _, w := range []mrc.Window{mrc.FiveMinutes, mrc.Hour} {
			s, lost := c.s.Tap.Curves(w)
			if w == mrc.FiveMinutes {
				stats = append(stats, curveSettings(s, lost)...)
			}
			stats = append(stats, curveStats(windows[w], s)...)
		}
		return statText(stats)
	})
}

func curveSettings(s mrc.Snapshot, lost int64) []Setting {
	return []Setting{
		{"capacity", strconv.FormatInt(s.Capacity, 10)},
		{"exact", yesNo(s.Exact)},
		{"rate", strconv.FormatFloat(s.Rate, 'f', 6, 64)},
		{"keys", strconv.Itoa(s.Keys)},
		{"lost", strconv.FormatInt(lost, 10)},
	}
}

// curveStats are what was asked for in a window, and its curves: the miss ratio of
// objects, that of bytes, and the bands of the two.
func curveStats(window string, s mrc.Snapshot) []Setting {
	stats := []Setting{
		{window + ":requests", strconv.FormatInt(s.Requests, 10)},
		{window + ":hits", strconv.FormatInt(s.Hits, 10)},
		{window + ":bytes", strconv.FormatInt(s.Bytes, 10)},
		{window + ":hit_bytes", strconv.FormatInt(s.HitBytes, 10)},
		{window + ":seconds", strconv.Itoa(s.Seconds)},
	}
	for _, curve := range s.Curves {
		for _, p := range curve.Points {
			stats = append(stats, Setting{
				fmt.Sprintf("%s:%s:%d", window, curve.Policy, p.Capacity),
				fmt.Sprintf("%.6f %.6f %.6f %.6f", p.Objects, p.Bytes, p.ObjectsBand, p.BytesBand),
			})
		}
	}
	return stats
}

// recordingStats answers stats recording.
func (c *conn) recordingStats() error {
	if c.s.Tap == nil {
		return memproto.ErrUnknown
	}
	r, ok := c.s.Tap.Recording()
	if !ok {
		return c.out.line("END")
	}
	stats := []Setting{{"running", yesNo(r.Running)}}
	return c.statLines(appendNumbers(stats, "", []number{
		{"started", r.Started.Unix()},
		{"seconds", r.Seconds},
		{"events", r.Events},
		{"lost", r.Lost},
		{"bytes", r.Bytes},
		{"limit", r.Limit},
	}))
}

// maxPiece is how much of a recording is read at once.
const maxPiece = 512 << 10

// record starts, stops or reads a recording.
func (c *conn) record() error {
	t := c.s.Tap
	if t == nil {
		return memproto.ErrUnknown
	}
	do, number, second := string(c.req.Arg), c.req.Number, c.req.Initial
	return c.aside(func() string {
		var err error
		switch do {
		case "start":
			err = t.StartRecording(number<<20, time.Duration(second)*time.Second)
		case "stop":
			err = t.StopRecording()
		default:
			return readRecording(t, number)
		}
		if err != nil {
			return "CLIENT_ERROR " + err.Error()
		}
		return "OK"
	})
}

func readRecording(t *tap.Tap, at int64) string {
	b := make([]byte, maxPiece)
	n, err := t.ReadRecording(b, at)
	if err != nil {
		return "CLIENT_ERROR " + err.Error()
	}
	return fmt.Sprintf("VA %d\r\n%s", n, b[:n])
}
