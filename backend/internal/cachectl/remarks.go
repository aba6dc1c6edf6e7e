package cachectl

import (
	"context"

	"memcache/backend/internal/audit"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
)

// remarkSettings tells the audit from what to what the settings were changed.
func remarkSettings(ctx context.Context, was, is sqlindex.Settings) {
	remarkChange(ctx, "capacity", was.Capacity, is.Capacity)
	remarkChange(ctx, "policy", was.Policy, is.Policy)
}

// remarkPilot does so for what the autopilot is told.
func remarkPilot(ctx context.Context, was, is api.AutopilotSettings) {
	remarkChange(ctx, "on", was.On, is.On)
	remarkChange(ctx, "goal", was.Goal, is.Goal)
	remarkChange(ctx, "target", was.Target, is.Target)
	remarkChange(ctx, "least", was.Least, is.Least)
	remarkChange(ctx, "most", was.Most, is.Most)
}

func remarkChange[T comparable](ctx context.Context, name string, was, is T) {
	if was != is {
		audit.Remark(ctx, name+"_was", was, name+"_is", is)
	}
}
