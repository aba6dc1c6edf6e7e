package live

import (
	"context"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

// maxSeconds is the longest window of statistics: 30 days are kept.
const maxSeconds = 30 * 24 * 60 * 60

// table lists the methods. ping is answered before it gets here.
func (h *Hub) table() map[string]method {
	return map[string]method{
		api.MethodPing:       with(func(context.Context, *conn, api.Empty) (any, error) { return api.Empty{}, nil }),
		api.MethodList:       with(h.list),
		api.MethodStarts:     with(h.starts),
		api.MethodStat:       with(h.stat),
		api.MethodDelete:     with(h.delete),
		api.MethodDeleteMany: with(h.deleteMany),
		api.MethodRestore:    with(h.restore),
		api.MethodRename:     with(h.rename),
		api.MethodCache:      with(h.cache),
		api.MethodCached:     with(h.cached),
		api.MethodConfigure:  with(h.configure),
		api.MethodAddNode:    with(h.addNode),
		api.MethodRemoveNode: with(h.removeNode),
		api.MethodResizePool: with(h.resizePool),
		api.MethodClear:      with(h.clear),
		api.MethodInvalidate: with(h.invalidate),
		api.MethodSubscribe:  with(h.subscribe),
		api.MethodInsight:    with(h.insight),
		api.MethodNoInsight:  with(h.noInsight),
		api.MethodPilot:      with(h.autopilot),
		api.MethodSetPilot:   with(h.setAutopilot),
		api.MethodUndoPilot:  with(h.undoAutopilot),
		api.MethodKeys:       with(h.keys),
		api.MethodNoKeys:     with(h.noKeys),
		api.MethodUnsub:      with(h.unsubscribe),
		api.MethodUpload:     with(h.startUpload),
		api.MethodFinish:     with(h.finishUpload),
		api.MethodCancel:     with(h.cancelUpload),
	}
}

// scopeOf is what a method needs.
func scopeOf(method string) api.Scope {
	switch method {
	case api.MethodPing, api.MethodList, api.MethodStarts, api.MethodStat, api.MethodCache, api.MethodCached, api.MethodSubscribe, api.MethodUnsub,
		api.MethodInsight, api.MethodNoInsight, api.MethodPilot, api.MethodKeys, api.MethodNoKeys:
		return api.ScopeRead
	case api.MethodDelete, api.MethodDeleteMany, api.MethodRestore, api.MethodRename, api.MethodInvalidate, api.MethodUpload, api.MethodFinish, api.MethodCancel:
		return api.ScopeWrite
	}
	return api.ScopeAdmin
}

// audited are the methods whose use is noted, and what they do.
var audited = map[string]string{
	api.MethodConfigure: "cache settings changed", api.MethodClear: "cache cleared", api.MethodDeleteMany: "objects deleted",
	api.MethodAddNode: "cache node added", api.MethodRemoveNode: "cache node removed", api.MethodResizePool: "number of cache nodes set",
	api.MethodSetPilot: "autopilot set", api.MethodUndoPilot: "autopilot undone",
}

// list answers a shorter page than asked for when the keys are so long that the
// page would not fit in a message.
func (h *Hub) list(ctx context.Context, _ *conn, q api.ListQuery) (any, error) {
	for {
		page, err := h.config.Objects.List(ctx, q)
		if err != nil {
			return nil, err
		}
		raw, err := encode(page)
		if err != nil || len(raw) <= maxResult || len(page.Objects) < 2 {
			return raw, err
		}
		q.Limit = len(page.Objects) / 2
	}
}

func (h *Hub) starts(ctx context.Context, _ *conn, q api.StartsQuery) (any, error) {
	return h.config.Objects.Starts(ctx, q.Prefix)
}

func (h *Hub) stat(ctx context.Context, _ *conn, p api.KeyParams) (any, error) {
	if err := api.CheckKey(p.Key); err != nil {
		return nil, err
	}
	return h.config.Objects.Stat(ctx, p.Key)
}

func (h *Hub) delete(ctx context.Context, _ *conn, p api.KeyParams) (any, error) {
	if err := api.CheckKey(p.Key); err != nil {
		return nil, err
	}
	return api.Empty{}, h.config.Objects.Delete(ctx, p.Key)
}

func (h *Hub) deleteMany(ctx context.Context, _ *conn, p api.Keys) (any, error) {
	failed, err := each(ctx, p, func(key string) error { return h.config.Objects.Delete(ctx, key) })
	audit.Remark(ctx, "keys", len(p.Keys), "deleted", len(p.Keys)-len(failed))
	return api.Deleted{Deleted: len(p.Keys) - len(failed), Failed: failed}, err
}

func (h *Hub) restore(ctx context.Context, _ *conn, p api.Keys) (any, error) {
	objects := []api.Object{}
	failed, err := each(ctx, p, func(key string) error {
		o, err := h.config.Objects.Restore(ctx, key)
		if err == nil {
			objects = append(objects, o)
		}
		return err
	})
	return api.Stored{Objects: objects, Failed: failed}, err
}

// each does something with every key. Each is a change of its own: what fails with
// one does not keep the others.
func each(ctx context.Context, p api.Keys, do func(key string) error) ([]api.KeyFailed, error) {
	failed := []api.KeyFailed{}
	if err := p.Check(); err != nil {
		return failed, err
	}
	for _, key := range p.Keys {
		err := api.CheckKey(key)
		if err == nil {
			err = do(key)
		}
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
		if err != nil {
			failed = append(failed, api.KeyFailed{Key: key, Error: api.AsError(err)})
		}
	}
	return failed, nil
}

func (h *Hub) rename(ctx context.Context, _ *conn, p api.Transfer) (any, error) {
	return h.config.Objects.Rename(ctx, p.From, p.To, p.Replace)
}

func (h *Hub) cached(ctx context.Context, _ *conn, p api.KeyParams) (any, error) {
	if err := api.CheckKey(p.Key); err != nil {
		return nil, err
	}
	return h.config.Cache.Cached(ctx, p.Key)
}

func (h *Hub) cache(ctx context.Context, _ *conn, _ api.Empty) (any, error) {
	return h.config.Cache.Cache(ctx)
}

func (h *Hub) configure(ctx context.Context, _ *conn, change api.CacheChange) (any, error) {
	if change.Capacity == nil && change.Policy == nil {
		return nil, api.Errorf(api.Invalid, "the change is empty: give a capacity in bytes, a policy, or both")
	}
	return h.config.Cache.Configure(ctx, change)
}

func (h *Hub) autopilot(ctx context.Context, _ *conn, _ api.Empty) (any, error) {
	return h.config.Cache.Autopilot(ctx)
}

func (h *Hub) setAutopilot(ctx context.Context, _ *conn, set api.AutopilotSet) (any, error) {
	return h.config.Cache.SetAutopilot(ctx, set)
}

func (h *Hub) undoAutopilot(ctx context.Context, _ *conn, undo api.AutopilotUndo) (any, error) {
	return h.config.Cache.UndoAutopilot(ctx, undo)
}

func (h *Hub) addNode(ctx context.Context, _ *conn, node api.NodeParams) (any, error) {
	audit.Remark(ctx, "nodes", node.Address)
	return h.config.Cache.AddNode(ctx, node.Address)
}

func (h *Hub) removeNode(ctx context.Context, _ *conn, node api.NodeParams) (any, error) {
	audit.Remark(ctx, "nodes", node.Address)
	return h.config.Cache.RemoveNode(ctx, node.Address)
}

func (h *Hub) resizePool(ctx context.Context, _ *conn, size api.PoolSize) (any, error) {
	audit.Remark(ctx, "nodes", size.Nodes)
	return h.config.Cache.ResizePool(ctx, size.Nodes)
}

func (h *Hub) clear(ctx context.Context, _ *conn, _ api.Empty) (any, error) {
	before, known := h.config.Cache.Cache(ctx)
	err := h.config.Cache.Clear(ctx)
	if err == nil && known == nil {
		audit.Remark(ctx, "items", before.Items())
	}
	return api.Empty{}, err
}

func (h *Hub) invalidate(ctx context.Context, _ *conn, p api.KeyParams) (any, error) {
	if err := api.CheckKey(p.Key); err != nil {
		return nil, err
	}
	return api.Empty{}, h.config.Cache.Invalidate(ctx, p.Key)
}

// subscribe answers the window; run adds the client to the subscribers.
func (h *Hub) subscribe(ctx context.Context, _ *conn, q api.StatsQuery) (any, error) {
	if q.Seconds < 0 || q.Seconds > maxSeconds {
		return nil, api.Errorf(api.Invalid, "the window of %d seconds is not possible: give 1 to %d, or 0 for %d", q.Seconds, maxSeconds, api.DefaultWindow)
	}
	if q.Seconds == 0 {
		q.Seconds = api.DefaultWindow
	}
	return h.config.Stats.Window(ctx, q.Seconds, q.Node)
}

// insight answers the present curves; run adds the client to the watchers.
func (h *Hub) insight(ctx context.Context, _ *conn, _ api.Empty) (any, error) {
	return h.config.Stats.Insight(ctx)
}

func (h *Hub) noInsight(_ context.Context, c *conn, _ api.Empty) (any, error) {
	c.watching.Store(false)
	return api.Empty{}, nil
}

func (h *Hub) unsubscribe(_ context.Context, c *conn, _ api.Empty) (any, error) {
	c.subscribed.Store(false)
	return api.Empty{}, nil
}

func (h *Hub) startUpload(ctx context.Context, c *conn, s api.UploadStart) (any, error) {
	return h.uploads.start(ctx, c, s)
}

func (h *Hub) finishUpload(ctx context.Context, _ *conn, r api.UploadRef) (any, error) {
	return h.uploads.finish(ctx, r.Upload)
}

func (h *Hub) cancelUpload(ctx context.Context, _ *conn, r api.UploadRef) (any, error) {
	return api.Empty{}, h.uploads.cancel(ctx, r.Upload)
}
