package server

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"syscall"
	"time"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
)

func (c *conn) flushAll() error {
	exptime := c.req.Exptime
	return c.aside(func() string {
		if err := c.s.Store.FlushAll(exptime); err != nil {
			c.s.Log.Error("the memory of what was flushed cannot be given back", "error", err)
		}
		return "OK"
	})
}

func (c *conn) verbosity() error {
	if c.s.Level != nil {
		level := slog.LevelInfo
		if c.req.Number > 0 {
			level = slog.LevelDebug
		}
		c.s.Level.Set(level)
	}
	return c.reply(true, "OK", "")
}

func (c *conn) memlimit() error {
	const mb = 1 << 20
	switch n := c.req.Number; {
	case n < store.MinCapacity/mb:
		return c.reply(true, fmt.Sprintf("MEMLIMIT_TOO_SMALL cannot set maxbytes to less than %dm", store.MinCapacity/mb), "")
	case n > store.MaxCapacity/mb:
		return c.reply(true, fmt.Sprintf("MEMLIMIT_TOO_LARGE cannot set maxbytes to more than %dm", store.MaxCapacity/mb), "")
	default:
		return c.aside(func() string {
			if err := c.s.Store.SetCapacity(n * mb); err != nil {
				c.s.Log.Error("the capacity cannot be changed as asked", "mb", n, "error", err)
				return "MEMLIMIT_ADJUST_FAILED see the log of the cache"
			}
			return "OK"
		})
	}
}

func (c *conn) policy() error {
	if len(c.req.Arg) == 0 {
		return c.out.line("POLICY " + c.s.Store.Stats().Policy)
	}
	name := string(c.req.Arg)
	return c.aside(func() string {
		if err := c.s.Store.SetPolicy(name); err != nil {
			return "CLIENT_ERROR " + err.Error()
		}
		return "OK"
	})
}

func (c *conn) stats() error {
	var stats []Setting
	switch string(c.req.Arg) {
	case "":
		stats = c.s.general()
	case "settings":
		stats = c.s.settings()
	default:
		return memproto.ErrUnknown
	}
	for _, st := range stats {
		b, err := c.out.room(len(st.Name) + len(st.Value) + 16)
		if err != nil {
			return err
		}
		c.out.took(memproto.AppendStat(b, st.Name, st.Value))
	}
	return c.out.line("END")
}

// general are the statistics under memcached's names where they mean the same.
// bytes is what the items occupy; held_bytes adds values that are still being
// sent or written, and is what never exceeds limit_maxbytes; arena_bytes is the
// value memory that the system may count as resident. leases are not among
// curr_items, but among bytes.
func (s *Server) general() []Setting {
	st := s.Store.Stats()
	count := s.counts()
	user, system := cpuTime()
	stats := []Setting{
		{"version", s.Version},
		{"rusage_user", user},
		{"rusage_system", system},
		{"policy", st.Policy},
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"pid", int64(os.Getpid())},
		{"uptime", int64(time.Since(s.start).Seconds())},
		{"time", time.Now().Unix()},
		{"pointer_size", strconv.IntSize},
		{"max_connections", int64(s.MaxConns)},
		{"curr_connections", s.connections.Load()},
		{"total_connections", s.accepted.Load()},
		{"rejected_connections", s.rejected.Load()},
		{"cmd_get", st.Gets},
		{"cmd_set", st.Sets},
		{"cmd_flush", st.Flushes},
		{"cmd_touch", st.Touches},
		{"cmd_meta", count.metaCommands},
		{"get_hits", st.Hits},
		{"get_misses", st.Misses},
		{"get_expired", st.GetExpired},
		{"delete_hits", st.DeleteHits},
		{"delete_misses", st.DeleteMisses},
		{"cas_hits", st.CASHits},
		{"cas_misses", st.CASMisses},
		{"cas_badval", st.CASBad},
		{"touch_hits", st.TouchHits},
		{"touch_misses", st.TouchMisses},
		{"store_too_large", st.TooLarge},
		{"store_no_memory", st.NoMemory},
		{"bad_requests", count.badRequests},
		{"bytes_read", count.bytesRead},
		{"bytes_written", count.bytesWritten},
		{"limit_maxbytes", st.Capacity},
		{"accepting_conns", 1},
		{"threads", int64(s.threads)},
		{"bytes", st.Bytes},
		{"held_bytes", st.Held},
		{"arena_bytes", st.Resident},
		{"curr_items", st.Items},
		{"total_items", st.Stored},
		{"leases", st.Leases},
		{"leases_won", st.LeasesWon},
		{"leases_lost", st.LeasesLost},
		{"fills_refused", st.Refused},
		{"expired_unfetched", st.ExpiredUnfetched},
		{"evicted_unfetched", st.EvictedUnfetched},
		{"evictions", st.Evictions},
		{"reclaimed", st.Reclaimed},
	} {
		stats = append(stats, Setting{n.name, strconv.FormatInt(n.value, 10)})
	}
	return stats
}

func (s *Server) settings() []Setting {
	st := s.Store.Stats()
	return append([]Setting{
		{"maxbytes", strconv.FormatInt(st.Capacity, 10)},
		{"maxconns", strconv.Itoa(s.MaxConns)},
		{"item_size_max", strconv.FormatInt(st.MaxItem, 10)},
		{"idle_timeout", strconv.FormatInt(int64(s.idle.Seconds()), 10)},
		{"num_threads", strconv.Itoa(s.threads)},
		{"evictions", "on"},
		{"cas_enabled", "yes"},
		{"flush_enabled", "yes"},
		{"binding_protocol", "ascii"},
		{"udpport", "0"},
		{"policy", st.Policy},
	}, s.Settings...)
}

// cpuTime is what the process has used, in seconds.
func cpuTime() (user, system string) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return "0", "0"
	}
	format := func(t syscall.Timeval) string { return fmt.Sprintf("%d.%06d", t.Sec, t.Usec) }
	return format(u.Utime), format(u.Stime)
}
