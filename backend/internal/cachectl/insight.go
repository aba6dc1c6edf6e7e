package cachectl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"memcache/shared/api"
)

// Insight returns the present miss-ratio curves of the nodes that have them, and
// what came of the last promise. Without the database, the curves are still good.
func (c *Controller) Insight(ctx context.Context) (api.Insight, error) {
	insight := api.Insight{Time: time.Now().UnixMilli(), Nodes: c.cfg.Nodes.Curves(ctx)}
	promise, err := c.promise(ctx)
	if err != nil {
		c.cfg.Log.Warn("what came of the last change of the settings is not known", "error", err)
	}
	insight.Promise = promise
	return insight, nil
}

// KeepInsight keeps each node's curves of the last hour for this hour of the clock,
// in the place of those that were kept for it before.
func (c *Controller) KeepInsight(ctx context.Context) error {
	hour := time.Now().UTC().Truncate(time.Hour)
	var errs []error
	for _, n := range c.cfg.Nodes.Curves(ctx) {
		last := n.Windows[len(n.Windows)-1]
		if last.Requests == 0 {
			continue
		}
		n.Windows = []api.CurveWindow{last}
		text, err := json.Marshal(n)
		if err == nil {
			err = c.cfg.Database.KeepCurves(ctx, n.Name, hour, text)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Insights returns what was kept in the last hours.
func (c *Controller) Insights(ctx context.Context, hours int) (api.Insights, error) {
	all := api.Insights{Insights: []api.Insight{}}
	if hours < 1 || hours > api.MaxInsightHours {
		return all, api.Errorf(api.Invalid, "the curves of the last %d hours cannot be shown: use 1 to %d", hours, api.MaxInsightHours)
	}
	err := c.cfg.Database.Curves(ctx, time.Now().Add(-time.Duration(hours)*time.Hour), func(at time.Time, text []byte) error {
		var n api.NodeCurves
		if err := json.Unmarshal(text, &n); err != nil {
			return fmt.Errorf("read the curves of %v: %w", at, err)
		}
		if i := len(all.Insights); i > 0 && all.Insights[i-1].Time == at.UnixMilli() {
			all.Insights[i-1].Nodes = append(all.Insights[i-1].Nodes, n)
			return nil
		}
		all.Insights = append(all.Insights, api.Insight{Time: at.UnixMilli(), Nodes: []api.NodeCurves{n}})
		return nil
	})
	if err != nil {
		return all, unavailable("read the curves", err)
	}
	return all, nil
}

// StartRecording begins a recording of the traffic of the first node.
func (c *Controller) StartRecording(ctx context.Context, s api.RecordingStart) (api.Recording, error) {
	if s.MaxBytes == 0 {
		s.MaxBytes = api.DefaultRecordingBytes
	}
	if s.Seconds == 0 {
		s.Seconds = api.DefaultRecordingSeconds
	}
	if s.MaxBytes < api.MB || s.MaxBytes%api.MB != 0 || s.Seconds < 1 {
		return api.Recording{}, api.Errorf(api.Invalid, "a recording of %d bytes and %d seconds is not possible: give a whole number of MB (%d bytes), and at least a second",
			s.MaxBytes, s.Seconds, int64(api.MB))
	}
	if err := c.cfg.Nodes.StartRecording(ctx, s); err != nil {
		return api.Recording{}, err
	}
	return c.Recording(ctx)
}

// StopRecording ends the recording under way.
func (c *Controller) StopRecording(ctx context.Context) (api.Recording, error) {
	if err := c.cfg.Nodes.StopRecording(ctx); err != nil {
		return api.Recording{}, err
	}
	return c.Recording(ctx)
}

// Recording tells of the recording under way, or of the last one.
func (c *Controller) Recording(ctx context.Context) (api.Recording, error) {
	return c.cfg.Nodes.Recording(ctx)
}

// ReadRecording writes the file of the last recording to w.
func (c *Controller) ReadRecording(ctx context.Context, w io.Writer) error {
	return c.cfg.Nodes.ReadRecording(ctx, w)
}
