package memproto

import (
	"bytes"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		line string
		ok   func(r *Request) bool
	}{
		{"get a", func(r *Request) bool { return r.Command == Get && string(r.Keys) == " a" }},
		{"gets a b", func(r *Request) bool { return r.Command == Gets }},
		{"set k 5 -1 10", func(r *Request) bool {
			return r.Command == Set && string(r.Key) == "k" && r.Flags == 5 && r.Exptime == -1 && r.Length == 10 && !r.NoReply
		}},
		{"add k 4294967295 0 0 noreply", func(r *Request) bool { return r.Flags == 1<<32-1 && r.Length == 0 && r.NoReply }},
		{"  replace  k 0 0 1 ", func(r *Request) bool { return r.Command == Replace && r.Length == 1 }},
		{"delete k 0 noreply", func(r *Request) bool { return r.Command == Delete && r.NoReply && r.Length == -1 }},
		{"touch k 60", func(r *Request) bool { return r.Command == Touch && r.Exptime == 60 }},
		{"flush_all 10 noreply", func(r *Request) bool { return r.Command == FlushAll && r.Exptime == 10 && r.NoReply }},
		{"flush_all noreply", func(r *Request) bool { return r.Exptime == 0 && r.NoReply }},
		{"cache_memlimit 64", func(r *Request) bool { return r.Command == CacheMemlimit && r.Number == 64 }},
		{"cache_policy", func(r *Request) bool { return r.Command == CachePolicy && len(r.Arg) == 0 }},
		{"cache_policy lru", func(r *Request) bool { return string(r.Arg) == "lru" }},
		{"stats settings", func(r *Request) bool { return r.Command == Stats && string(r.Arg) == "settings" }},
		{"mg k v N30 Oab q", func(r *Request) bool {
			return r.Command == MetaGet && r.Quiet && r.Flag('N').Number == 30 && string(r.Flag('O').Token) == "ab" && r.Flag('t') == nil
		}},
		{"mg Zm9v b k", func(r *Request) bool { return string(r.Key) == "foo" && string(r.RawKey) == "Zm9v" }},
		{"ms k 3 C18446744073709551615 T-1 F7 ME I", func(r *Request) bool {
			return r.Length == 3 && r.HasCAS && r.CAS == 1<<64-1 && r.HasTTL && r.TTL == -1 && r.Flags == 7 && r.Mode == ModeAdd && r.Flag('I') != nil
		}},
		{"md k q C5", func(r *Request) bool { return r.Command == MetaDelete && r.Quiet && r.CAS == 5 }},
		{"mn", func(r *Request) bool { return r.Command == MetaNoop }},
	} {
		var r Request
		if err := r.Parse([]byte(tt.line)); err != nil || !tt.ok(&r) {
			t.Errorf("%q: %v, %+v", tt.line, err, r)
		}
	}
}

// A line that is refused still tells how long the data block is that follows,
// so that it can be skipped.
func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("k", MaxKey+1)
	for _, tt := range []struct {
		line, answer string
		length       int
	}{
		{"", "ERROR", -1},
		{"bogus", "ERROR", -1},
		{"get", "ERROR", -1},
		{"set k 0 0", "ERROR", -1},
		{"set k 0 0 -1", "CLIENT_ERROR", -1},
		{"set k 0 0 2147483647", "CLIENT_ERROR", -1},
		{"set k 0 0 4294967295", "CLIENT_ERROR", -1},
		{"set k 0 0 99999999999999999999999999", "CLIENT_ERROR", -1},
		{"set k 0 0 text", "CLIENT_ERROR", -1},
		{"set k x 0 5", "CLIENT_ERROR", 5},
		{"set k 4294967296 0 5", "CLIENT_ERROR", 5},
		{"set k 0 x 5", "CLIENT_ERROR", 5},
		{"set k 0 0 5 noreply more", "CLIENT_ERROR", 5},
		{"set " + long + " 0 0 5", "CLIENT_ERROR", 5},
		{"set k\x01 0 0 5", "CLIENT_ERROR", 5},
		{"ms " + long + " 5", "CLIENT_ERROR", 5},
		{"ms k 5 C", "CLIENT_ERROR", 5},
		{"ms k 5 MX", "CLIENT_ERROR", 5},
		{"ms k 5 v", "CLIENT_ERROR", 5},
		{"ms k 5 c c", "CLIENT_ERROR", 5},
		{"ms ==== 5 b", "CLIENT_ERROR", 5},
		{"ms k", "CLIENT_ERROR", -1},
		{"mg k Nx", "CLIENT_ERROR", -1},
		{"mg k O" + strings.Repeat("o", MaxOpaque+1), "CLIENT_ERROR", -1},
		{"mg", "ERROR", -1},
		{"delete k 5", "CLIENT_ERROR", -1},
		{"touch k", "ERROR", -1},
		{"touch k x", "CLIENT_ERROR", -1},
		{"flush_all x", "CLIENT_ERROR", -1},
		{"cache_memlimit -1", "CLIENT_ERROR", -1},
		{"cache_memlimit", "CLIENT_ERROR", -1},
		{"cache_policy a b", "CLIENT_ERROR", -1},
		{"verbosity x", "CLIENT_ERROR", -1},
		{"GET / HTTP/1.0", "", -1},
	} {
		var r Request
		err := r.Parse([]byte(tt.line))
		switch {
		case err == nil:
			t.Errorf("%q was taken", tt.line)
		case !strings.HasPrefix(err.Answer, tt.answer) || (tt.answer == "") != err.Close:
			t.Errorf("%q is answered with %q", tt.line, err.Answer)
		case r.Length != tt.length:
			t.Errorf("%q announces %d bytes, want %d", tt.line, r.Length, tt.length)
		}
	}
}

func TestNextKey(t *testing.T) {
	var keys []string
	rest := []byte("  a bb   ccc ")
	for {
		key, r, err := NextKey(rest)
		if err != nil {
			t.Fatal(err)
		}
		if len(key) == 0 {
			break
		}
		keys, rest = append(keys, string(key)), r
	}
	if strings.Join(keys, ",") != "a,bb,ccc" {
		t.Errorf("split into %q", keys)
	}
	if _, _, err := NextKey(bytes.Repeat([]byte("k"), MaxKey+1)); err == nil {
		t.Error("a key of 251 bytes was taken")
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	var r Request
	line := []byte("mg abcdef v c N30 k Oxyz")
	_ = r.Parse(line)
	if n := testing.AllocsPerRun(100, func() { _ = r.Parse(line) }); n != 0 {
		t.Errorf("a parse allocates %v times", n)
	}
}

// Fault 46: whatever a line holds, parsing it neither panics nor lets through
// what the rest of the server must be able to rely on.
func FuzzFault46_Parse(f *testing.F) {
	for _, seed := range []string{
		"get a b c", "gets a", "set k 0 0 5", "set k 1 -1 0 noreply", "add k 0 0 1", "replace k 0 0 1", "delete k 0",
		"touch k 5", "flush_all 1 noreply", "stats settings", "cache_memlimit 64", "cache_policy lru", "verbosity 1",
		"mg k v c t s f k q O1 N30 T5 R9 h l u", "mg Zm9v b k", "ms k 5 C1 T9 F3 I q k O8 MR c", "md k q C4 I T3", "mn",
		"quit", "version", "GET / HTTP/1.1", "set k 0 0 -1", "mg \x80\x81", "ms k 18446744073709551616",
	} {
		f.Add([]byte(seed))
	}
	var r Request
	f.Fuzz(func(t *testing.T, line []byte) {
		err := r.Parse(line)
		if r.Length < -1 || r.Length > MaxLength {
			t.Errorf("a data block of %d bytes", r.Length)
		}
		if err != nil {
			if strings.ContainsAny(err.Answer, "\r\n") || err.Answer == "" && !err.Close {
				t.Errorf("the answer %q is not one line", err.Answer)
			}
			return
		}
		if len(r.Key) > MaxKey || len(r.RawKey) > MaxKey {
			t.Errorf("a key of %d bytes", len(r.Key))
		}
		if needsData := r.Command == Set || r.Command == Add || r.Command == Replace || r.Command == MetaSet; needsData != (r.Length >= 0) {
			t.Errorf("command %d has a data block of %d bytes", r.Command, r.Length)
		}
		echo := AppendValue(nil, r.RawKey, r.Flags, 1<<30, 1<<64-1, true)
		for _, fl := range r.Meta {
			echo = AppendEcho(echo, &r, fl)
		}
		if len(echo) > MaxHeader {
			t.Errorf("the answer's header is %d bytes", len(echo))
		}
		for rest := r.Keys; ; {
			key, after, err := NextKey(rest)
			if err != nil || len(key) == 0 {
				break
			}
			if len(key) > MaxKey || len(after) >= len(rest) {
				t.Fatalf("key %q leaves %q of %q", key, after, rest)
			}
			rest = after
		}
	})
}
