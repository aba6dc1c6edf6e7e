package cachectl

import (
	"context"
	"encoding/json"
	"time"

	"memcache/backend/internal/audit"
	"memcache/backend/internal/autopilot"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
	"memcache/shared/insight"
)

// What the autopilot is told and has done is one row of the database. Who changes it
// names the version that was read, and whoever is second has to look again: so of
// several backends only one makes a change, and none that a person has overtaken.

// pilot is the autopilot as it was read, with what it sees.
type pilot struct {
	autopilot.Pilot
	sight   autopilot.Sight
	version int64
}

func (c *Controller) readPilot(ctx context.Context) (pilot, error) {
	p := pilot{Pilot: autopilot.New(MinCapacity, c.cfg.MaxCapacity)}
	state, version, err := c.cfg.Database.Autopilot(ctx)
	if err == nil && len(state) > 0 {
		err = json.Unmarshal(state, &p.Pilot)
	}
	if err != nil {
		return p, unavailable("read the autopilot", err)
	}
	settings, err := c.cfg.Database.Settings(ctx)
	if err != nil {
		return p, unavailable("read the cache's settings", err)
	}
	p.version = version
	p.sight = autopilot.Sight{Now: c.now(), Cache: insight.Settings{Capacity: settings.Capacity, Policy: settings.Policy}}
	return p, nil
}

// look adds what the nodes tell.
func (c *Controller) look(ctx context.Context, p *pilot) {
	in := api.Insight{Nodes: c.cfg.Nodes.Curves(ctx)}
	p.sight.Short, p.sight.Long = insight.Of(in, shortWindow), insight.Of(in, longWindow)
}

// savePilot saves p, and with it a capacity; false when somebody else was first.
func (c *Controller) savePilot(ctx context.Context, p pilot, capacity int64) (bool, error) {
	state, err := json.Marshal(p.Pilot)
	if err != nil {
		return false, err
	}
	saved, err := c.cfg.Database.SaveAutopilot(ctx, state, p.version, p.sight.Cache.Capacity, capacity)
	if err != nil {
		return false, unavailable("keep the autopilot", err)
	}
	return saved, nil
}

// Autopilot tells how it is.
func (c *Controller) Autopilot(ctx context.Context) (api.Autopilot, error) {
	p, err := c.readPilot(ctx)
	if err != nil {
		return api.Autopilot{}, err
	}
	c.look(ctx, &p)
	return p.View(p.sight), nil
}

// tries is how often a change is tried that somebody else was faster with.
const tries = 5

// changePilot makes a change that a person wants; change returns the capacity to set.
func (c *Controller) changePilot(ctx context.Context, change func(p *pilot) (capacity int64, err error)) (api.Autopilot, error) {
	for range tries {
		p, err := c.readPilot(ctx)
		if err != nil {
			return api.Autopilot{}, err
		}
		capacity, err := change(&p)
		if err != nil {
			return api.Autopilot{}, err
		}
		saved, err := c.savePilot(ctx, p, capacity)
		if err != nil {
			return api.Autopilot{}, err
		}
		if saved {
			return c.changed(ctx)
		}
	}
	return api.Autopilot{}, api.Errorf(api.Conflict, "the autopilot was changed by others at the same time: try again")
}

// changed applies the settings, and tells everybody of the autopilot.
func (c *Controller) changed(ctx context.Context) (api.Autopilot, error) {
	c.settingsMu.Lock()
	settings, err := c.cfg.Database.Settings(ctx)
	if err == nil {
		c.reconcile(ctx, settings, c.cfg.Nodes.Stats(ctx))
		c.tell(c.describe(ctx, settings, c.nodes(ctx)))
	}
	c.settingsMu.Unlock()
	if err != nil {
		return api.Autopilot{}, unavailable("read the cache's settings", err)
	}
	a, err := c.Autopilot(ctx)
	if err == nil {
		c.cfg.Piloted(a)
	}
	return a, err
}

// SetAutopilot changes what the autopilot is told, and lets it act on that.
func (c *Controller) SetAutopilot(ctx context.Context, set api.AutopilotSet) (api.Autopilot, error) {
	var was, is api.AutopilotSettings
	a, err := c.changePilot(ctx, func(p *pilot) (int64, error) {
		was = p.AutopilotSettings
		to := was
		take(&to.On, set.On)
		take(&to.Goal, set.Goal)
		take(&to.Target, set.Target)
		take(&to.Least, set.Least)
		take(&to.Most, set.Most)
		if err := c.checkPilot(to); err != nil {
			return 0, err
		}
		p.Set(to, p.sight.Cache)
		is = to
		return p.sight.Cache.Capacity, nil
	})
	if err == nil {
		remarkPilot(ctx, was, is)
	}
	if err != nil || a.State != api.AutopilotChanges {
		return a, err
	}
	if err := c.Steer(ctx); err != nil {
		return a, err
	}
	return c.Autopilot(ctx)
}

func take[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (c *Controller) checkPilot(s api.AutopilotSettings) error {
	switch {
	case s.Goal != api.GoalRate && s.Goal != api.GoalKnee:
		return api.Errorf(api.Invalid, "the goal %q is not known: use %s or %s", s.Goal, api.GoalRate, api.GoalKnee)
	case !(s.Target >= api.MinTarget && s.Target <= api.MaxTarget): // also what is no number
		return api.Errorf(api.Invalid, "the hit rate %v cannot be a target: it is from %v to %v", s.Target, api.MinTarget, api.MaxTarget)
	case s.Least > s.Most:
		return api.Errorf(api.Invalid, "the least capacity, %d bytes, is above the greatest, %d bytes", s.Least, s.Most)
	}
	for _, bytes := range []int64{s.Least, s.Most} {
		if err := c.check(api.CacheChange{Capacity: &bytes}); err != nil {
			return err
		}
	}
	return nil
}

// UndoAutopilot sets the capacity again that was there before a change of the
// autopilot, and turns it off.
func (c *Controller) UndoAutopilot(ctx context.Context, undo api.AutopilotUndo) (api.Autopilot, error) {
	var was, is int64
	a, err := c.changePilot(ctx, func(p *pilot) (int64, error) {
		change, ok := p.Undo(undo.ID, p.sight.Now)
		if !ok {
			return 0, api.Errorf(api.NotFound, "there is no change %d of the autopilot that could be undone", undo.ID)
		}
		if err := c.check(api.CacheChange{Capacity: &change.From}); err != nil {
			return 0, err
		}
		was, is = p.sight.Cache.Capacity, change.From
		return is, nil
	})
	if err == nil {
		audit.Remark(ctx, "change", undo.ID)
		remarkChange(ctx, "capacity", was, is)
	}
	return a, err
}

// Steer lets the autopilot look, and change the capacity if it is time for that.
func (c *Controller) Steer(ctx context.Context) error {
	p, err := c.readPilot(ctx)
	if err != nil || !p.On {
		return err
	}
	c.look(ctx, &p)
	noted := p.Look(p.sight)
	change, ok := p.Decide(p.sight)
	if !ok {
		if noted {
			_, err = c.savePilot(ctx, p, p.sight.Cache.Capacity)
		}
		return err
	}
	p.Note(change)
	promise := c.foretell(ctx, sqlindex.Settings{Capacity: change.From, Policy: change.Policy}, sqlindex.Settings{Capacity: change.To, Policy: change.Policy},
		shortWindow, c.cfg.Nodes.Stats(ctx))
	saved, err := c.savePilot(ctx, p, change.To)
	if err != nil || !saved { // somebody else was faster
		return err
	}
	c.keepPromise(ctx, promise)
	c.cfg.Log.Info("the autopilot changed the capacity", "from", change.From, "to", change.To, "why", change.Text)
	_, err = c.changed(ctx)
	return err
}

func (c *Controller) now() time.Time {
	if c.cfg.Now != nil {
		return c.cfg.Now()
	}
	return time.Now()
}
