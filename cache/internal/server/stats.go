package server

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
)

// stats answers with lists of names and values, as memcached names them.
func (c *conn) stats() error {
	switch string(c.req.Arg) {
	case "":
		return c.statLines(c.s.general())
	case "settings":
		return c.statLines(c.s.settings())
	case "items":
		return c.survey(itemStats)
	case "slabs":
		return c.survey(slabStats)
	case "sizes":
		return c.survey(sizeStats)
	case "mrc":
		return c.curves()
	case "top":
		return c.aside(func() string { return statText(topStats(c.s.Store.Top(maxTop))) })
	case "evictions":
		return c.aside(func() string { return statText(evictionStats(c.s.Store.Evicted(maxEvictions))) })
	case "recording":
		return c.recordingStats()
	case "reset":
		c.s.resetStats()
		return c.out.line("RESET")
	}
	return memproto.ErrUnknown
}

func (c *conn) statLines(stats []Setting) error { return c.out.line(statText(stats)) }

// survey answers with statistics of a survey, which looks at every item.
func (c *conn) survey(describe func(store.Survey) []Setting) error {
	return c.aside(func() string { return statText(describe(c.s.Store.Survey())) })
}

// statText is the answer to a stats command, but for its last line end.
func statText(stats []Setting) string {
	var b []byte
	for _, st := range stats {
		b = memproto.AppendStat(b, st.Name, st.Value)
	}
	return string(append(b, "END"...))
}

// resetStats makes everything count from now on.
func (s *Server) resetStats() {
	s.Store.ResetStats()
	s.accepted.Store(0)
	s.rejected.Store(0)
	for _, l := range s.loops {
		for _, n := range []*atomic.Int64{&l.bytesRead, &l.bytesWritten, &l.metaCommands, &l.badRequests} {
			n.Store(0)
		}
	}
}

// number is a statistic that is a number.
type number struct {
	name  string
	value int64
}

// appendNumbers appends statistics whose names begin with prefix.
func appendNumbers(stats []Setting, prefix string, numbers []number) []Setting {
	for _, n := range numbers {
		stats = append(stats, Setting{prefix + n.name, strconv.FormatInt(n.value, 10)})
	}
	return stats
}

// itemStats describes the items of each size class that holds any, or did.
func itemStats(survey store.Survey) (stats []Setting) {
	for _, c := range survey.Classes {
		stats = appendNumbers(stats, fmt.Sprintf("items:%d:", c.Number), []number{
			{"number", c.Items},
			{"age", c.Age},
			{"mem_requested", c.Bytes},
			{"evicted", c.Evicted},
			{"evicted_nonzero", c.EvictedMortal},
			{"evicted_time", c.EvictedIdle},
			{"outofmemory", 0}, // items are refused for want of memory, not of their class
			{"reclaimed", c.Reclaimed},
			{"expired_unfetched", c.ExpiredUnfetched},
			{"evicted_unfetched", c.EvictedUnfetched},
		})
	}
	return stats
}

// slabStats describes the memory of each size class: a page is a slab of the
// arena, a chunk one of its blocks.
func slabStats(survey store.Survey) (stats []Setting) {
	active, bytes := int64(0), int64(0)
	for _, c := range survey.Classes {
		if c.Slabs == 0 {
			continue
		}
		all := c.Slabs * c.PerSlab
		active++
		bytes += int64(all) * int64(c.BlockSize)
		stats = appendNumbers(stats, strconv.Itoa(c.Number)+":", []number{
			{"chunk_size", int64(c.BlockSize)},
			{"chunks_per_page", int64(c.PerSlab)},
			{"total_pages", int64(c.Slabs)},
			{"total_chunks", int64(all)},
			{"used_chunks", int64(c.Used)},
			{"free_chunks", int64(all - c.Used)},
			{"free_chunks_end", 0},
		})
	}
	return appendNumbers(stats, "", []number{{"active_slabs", active}, {"total_malloced", bytes}})
}

// sizeStats tells how many items take how many bytes.
func sizeStats(survey store.Survey) (stats []Setting) {
	for _, c := range survey.Sizes {
		stats = append(stats, Setting{strconv.FormatInt(c.Size, 10), strconv.FormatInt(c.Count, 10)})
	}
	return stats
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
	return appendNumbers(stats, "", []number{
		{"pid", int64(os.Getpid())},
		{"uptime", int64(s.uptime().Seconds())},
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
		{"incr_hits", st.IncrHits},
		{"incr_misses", st.IncrMisses},
		{"decr_hits", st.DecrHits},
		{"decr_misses", st.DecrMisses},
		{"cas_hits", st.CASHits},
		{"cas_misses", st.CASMisses},
		{"cas_badval", st.CASBad},
		{"touch_hits", st.TouchHits},
		{"touch_misses", st.TouchMisses},
		{"store_too_large", st.TooLarge},
		{"store_not_admitted", st.NotAdmitted},
		{"store_no_memory", st.NoMemory},
		{"bad_requests", count.badRequests},
		{"bytes_read", count.bytesRead},
		{"bytes_written", count.bytesWritten},
		{"limit_maxbytes", st.Capacity},
		{"accepting_conns", 1},
		{"listen_disabled_num", 0}, // too many connections are refused, never left waiting
		{"auth_cmds", 0},
		{"auth_errors", 0},
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
	})
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
		{"shutdown_command", yesNo(s.Shutdown != nil)},
		{"flush_enabled", "yes"},
		{"binding_protocol", "ascii"},
		{"udpport", "0"},
		{"policy", st.Policy},
	}, s.Settings...)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
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
