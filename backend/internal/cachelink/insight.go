package cachelink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"memcache/shared/api"
)

// Curves asks every node for its miss-ratio curves. Those that have none, or do not
// answer, are not among the result.
func (c *Client) Curves(ctx context.Context) []api.NodeCurves {
	nodes := c.all()
	all := make([]*api.NodeCurves, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { all[i] = n.readCurves(ctx) })
	}
	wg.Wait()
	curves := []api.NodeCurves{}
	for _, n := range all {
		if n != nil {
			curves = append(curves, *n)
		}
	}
	return curves
}

func (n *node) readCurves(ctx context.Context) *api.NodeCurves {
	st, err := n.askStats(ctx, "stats mrc\r\n")
	if err != nil || st["capacity"] == "" {
		return nil
	}
	rate, err := strconv.ParseFloat(st["rate"], 64)
	if err != nil {
		return nil
	}
	return &api.NodeCurves{
		Name: n.name, Capacity: number(st["capacity"]), Exact: st["exact"] == "yes", Rate: rate,
		Keys: int(number(st["keys"])), Lost: number(st["lost"]),
		Windows: []api.CurveWindow{parseWindow(st, "5m", 300), parseWindow(st, "1h", 3600)},
	}
}

// parseWindow reads the lines of a window: "5m:lru:1048576" is the name of "0.5 0.6
// 0.01 0.02", the miss ratios of objects and bytes, and their bands.
func parseWindow(st map[string]string, window string, seconds int) api.CurveWindow {
	w := api.CurveWindow{
		Seconds: seconds, Covered: int(number(st[window+":seconds"])), Requests: number(st[window+":requests"]), Hits: number(st[window+":hits"]),
		Bytes: number(st[window+":bytes"]), HitBytes: number(st[window+":hit_bytes"]), Curves: []api.Curve{},
	}
	points := map[string][]api.CurvePoint{}
	for name, text := range st {
		var p api.CurvePoint
		parts := strings.Split(name, ":")
		if len(parts) != 3 || parts[0] != window {
			continue
		}
		if _, err := fmt.Sscan(text, &p.Objects, &p.Bytes, &p.ObjectsBand, &p.BytesBand); err != nil {
			continue
		}
		p.Capacity = number(parts[2])
		points[parts[1]] = append(points[parts[1]], p)
	}
	for policy, some := range points {
		slices.SortFunc(some, func(a, b api.CurvePoint) int { return cmp.Compare(a.Capacity, b.Capacity) })
		w.Curves = append(w.Curves, api.Curve{Policy: policy, Points: some})
	}
	slices.SortFunc(w.Curves, func(a, b api.Curve) int { return cmp.Compare(a.Policy, b.Policy) })
	return w
}

// The recording is that of the first node.

func (c *Client) first() (*node, error) {
	if nodes := c.all(); len(nodes) > 0 {
		return nodes[0], nil
	}
	return nil, api.Errorf(api.Unavailable, "there is no cache node that could record")
}

// StartRecording begins a recording of the first node. Errors: api.Invalid when it
// does not take the bounds, api.Conflict when one is under way, api.Unavailable
// when it does not answer.
func (c *Client) StartRecording(ctx context.Context, s api.RecordingStart) error {
	return c.record(ctx, fmt.Sprintf("start %d %d", s.MaxBytes/api.MB, s.Seconds))
}

// StopRecording ends the recording under way. Errors: as of StartRecording,
// api.Conflict when there is none.
func (c *Client) StopRecording(ctx context.Context) error { return c.record(ctx, "stop") }

func (c *Client) record(ctx context.Context, what string) error {
	n, err := c.first()
	if err != nil {
		return err
	}
	return n.explainRecording(n.command(ctx, "cache_record "+what+"\r\n", "OK"))
}

// explainRecording makes the error of a recording one for people.
func (n *node) explainRecording(err error) error {
	if err == nil {
		return nil
	}
	r, ok := errors.AsType[*RefusedError](err)
	switch {
	case !ok:
		return api.Errorf(api.Unavailable, "the cache node %s does not answer: try again when it is up", n.name).Because(err)
	case r.Reply == "ERROR":
		return api.Errorf(api.Invalid, "the cache node %s cannot record: it is a plain memcached, or was started without -curves", n.name).Because(err)
	}
	text := strings.TrimPrefix(r.Reply, "CLIENT_ERROR ")
	if strings.Contains(text, "first") {
		return api.Errorf(api.Conflict, "%s", text).Because(err)
	}
	return api.Errorf(api.Invalid, "%s", text).Because(err)
}

// Recording tells of the first node's recording.
func (c *Client) Recording(ctx context.Context) (api.Recording, error) {
	n, err := c.first()
	if err != nil {
		return api.Recording{}, err
	}
	st, err := n.askStats(ctx, "stats recording\r\n")
	if err != nil {
		return api.Recording{}, n.explainRecording(err)
	}
	r := api.Recording{
		State: api.RecordingNone, Started: number(st["started"]) * 1000, Seconds: number(st["seconds"]), Events: number(st["events"]),
		Lost: number(st["lost"]), Bytes: number(st["bytes"]), MaxBytes: number(st["limit"]),
	}
	switch st["running"] {
	case "yes":
		r.State = api.RecordingRunning
	case "no":
		r.State = api.RecordingDone
	}
	return r, nil
}

// ReadRecording writes the file of the first node's recording, which has ended, to w.
func (c *Client) ReadRecording(ctx context.Context, w io.Writer) error {
	n, err := c.first()
	if err != nil {
		return err
	}
	for at := int64(0); ; {
		size, err := n.readPiece(ctx, at, w)
		if err != nil {
			return n.explainRecording(err)
		}
		if size == 0 {
			return nil
		}
		at += int64(size)
	}
}

func (n *node) readPiece(ctx context.Context, at int64, w io.Writer) (size int, err error) {
	q := newCall(replyValue)
	q.line = fmt.Appendf(q.line, "cache_record read %d\r\n", at)
	if _, err := n.do(ctx, q); err != nil {
		return 0, err
	}
	defer q.recycle()
	if err := expect(n, q, "VA"); err != nil || q.value == nil {
		return 0, err
	}
	defer q.value.free()
	return w.Write(q.value.b)
}
