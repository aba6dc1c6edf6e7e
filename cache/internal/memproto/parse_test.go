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
		{"get a", func(r *Request) bool { return r.Command == Get && string(r.Key) == "a" && len(r.Keys) == 0 }},
		{"gets a b", func(r *Request) bool { return r.Command == Gets && string(r.Key) == "a" && string(r.Keys) == " b" }},
		{"gat -1 a b", func(r *Request) bool {
			return r.Command == Gat && r.Exptime == -1 && string(r.Key) == "a" && string(r.Keys) == " b"
		}},
		{"gats 60 a", func(r *Request) bool { return r.Command == Gats && r.Exptime == 60 && r.WithCAS() }},
		{"set k 5 -1 10", func(r *Request) bool {
			return r.Command == Set && string(r.Key) == "k" && r.Flags == 5 && r.Exptime == -1 && r.Length == 10 && !r.NoReply
		}},
		{"add k 4294967295 0 0 noreply", func(r *Request) bool { return r.Flags == 1<<32-1 && r.Length == 0 && r.NoReply }},
		{"  replace  k 0 0 1 ", func(r *Request) bool { return r.Command == Replace && r.Length == 1 }},
		{"append k 0 0 2", func(r *Request) bool { return r.Command == Append && r.Mode == ModeAppend && r.Length == 2 }},
		{"prepend k 0 0 2 noreply", func(r *Request) bool { return r.Command == Prepend && r.Mode == ModePrepend && r.NoReply }},
		{"cas k 1 2 3 18446744073709551615", func(r *Request) bool {
			return r.Command == CAS && r.Mode == ModeSet && r.Flags == 1 && r.Exptime == 2 && r.Length == 3 && r.HasCAS && r.CAS == 1<<64-1 && !r.NoReply
		}},
		{"cas k 0 0 3 4 noreply", func(r *Request) bool { return r.CAS == 4 && r.NoReply }},
		{"incr k 18446744073709551615", func(r *Request) bool { return r.Command == Incr && r.Delta == 1<<64-1 && !r.Decrement }},
		{"decr k 1 noreply", func(r *Request) bool { return r.Command == Decr && r.Delta == 1 && r.Decrement && r.NoReply }},
		{"delete k 0 noreply", func(r *Request) bool { return r.Command == Delete && r.NoReply && r.Length == -1 }},
		{"touch k 60", func(r *Request) bool { return r.Command == Touch && r.Exptime == 60 }},
		{"flush_all 10 noreply", func(r *Request) bool { return r.Command == FlushAll && r.Exptime == 10 && r.NoReply }},
		{"flush_all noreply", func(r *Request) bool { return r.Exptime == 0 && r.NoReply }},
		{"cache_memlimit 64", func(r *Request) bool { return r.Command == CacheMemlimit && r.Number == 64 }},
		{"cache_policy", func(r *Request) bool { return r.Command == CachePolicy && len(r.Arg) == 0 }},
		{"cache_policy lru", func(r *Request) bool { return string(r.Arg) == "lru" }},
		{"stats settings", func(r *Request) bool { return r.Command == Stats && string(r.Arg) == "settings" }},
		{"mg k v N30 Oab q", func(r *Request) bool {
			return r.Command == MetaGet && r.Quiet && r.Vivify == 30 && r.Has('N') && r.Has('v') && !r.Has('t') && string(r.Meta[2].Token) == "ab"
		}},
		{"mg Zm9v b k", func(r *Request) bool { return string(r.Key) == "foo" && string(r.RawKey) == "Zm9v" }},
		{"ms k 3 C18446744073709551615 T-1 F7 ME I", func(r *Request) bool {
			return r.Length == 3 && r.HasCAS && r.CAS == 1<<64-1 && r.Has('T') && r.TTL == -1 && r.Flags == 7 && r.Mode == ModeAdd && r.Has('I')
		}},
		{"md k q C5", func(r *Request) bool { return r.Command == MetaDelete && r.Quiet && r.CAS == 5 }},
		{"ms k 1 MA N-1 E9", func(r *Request) bool { return r.Mode == ModeAppend && r.Vivify == -1 && r.NewCAS == 9 }},
		{"ms k 1 MP", func(r *Request) bool { return r.Mode == ModePrepend && !r.Has('N') }},
		{"ma k", func(r *Request) bool { return r.Command == MetaArithmetic && r.Delta == 1 && !r.Decrement }},
		{"ma k M- D5 N9 J7", func(r *Request) bool { return r.Decrement && r.Delta == 5 && r.Vivify == 9 && r.Initial == 7 }},
		{"me Zm9v b", func(r *Request) bool { return r.Command == MetaDebug && string(r.Key) == "foo" }},
		{"shutdown graceful", func(r *Request) bool { return r.Command == Shutdown && string(r.Arg) == "graceful" }},
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
		{"ms k 5 ?", "CLIENT_ERROR", 5},
		{"ms k 5 Mappend", "CLIENT_ERROR incorrect length", 5},
		{"cas k 0 0 5", "ERROR", -1},
		{"cas k 0 0 5 x", "CLIENT_ERROR", 5},
		{"cas k 0 0 5 1 noreply more", "CLIENT_ERROR", 5},
		{"append k 0 0 x", "CLIENT_ERROR", -1},
		{"append k x 0 5", "CLIENT_ERROR", 5},
		{"gat", "ERROR", -1},
		{"gat 5", "ERROR", -1},
		{"gat x k", "CLIENT_ERROR invalid exptime argument", -1},
		{"get a " + long, "CLIENT_ERROR", -1},
		{"incr k", "ERROR", -1},
		{"incr k -1", "CLIENT_ERROR invalid numeric delta argument", -1},
		{"incr k 18446744073709551616", "CLIENT_ERROR invalid numeric delta argument", -1},
		{"decr k 1 noreply more", "CLIENT_ERROR", -1},
		{"ma k Dx", "CLIENT_ERROR bad token", -1},
		{"ma k MX", "CLIENT_ERROR invalid mode for ma", -1},
		{"me", "CLIENT_ERROR", -1},
		{"shutdown now", "CLIENT_ERROR invalid shutdown mode", -1},
		{"ms k 5 c c", "CLIENT_ERROR", 5},
		{"ms ==== 5 b", "CLIENT_ERROR", 5},
		{"ms k", "CLIENT_ERROR", -1},
		{"mg k Nx", "CLIENT_ERROR", -1},
		{"mg k O" + strings.Repeat("o", MaxOpaque+1), "CLIENT_ERROR", -1},
		{"mg", "ERROR", -1},
		{"delete k 0 noreply more", "CLIENT_ERROR", -1},
		{"delete k 5", "CLIENT_ERROR", -1},
		{"touch k", "ERROR", -1},
		{"touch k x", "CLIENT_ERROR", -1},
		{"flush_all x", "CLIENT_ERROR", -1},
		{"cache_memlimit -1", "CLIENT_ERROR", -1},
		{"cache_memlimit", "CLIENT_ERROR", -1},
		{"cache_policy a b", "CLIENT_ERROR", -1},
		{"verbosity 1 2 noreply", "CLIENT_ERROR", -1},
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

// The keys of a long line are read as they come, not by ParseLong.
func TestParseLong(t *testing.T) {
	for _, tt := range []struct {
		line    string
		command Command
		keys    string
	}{
		{"get a b", Get, " a b"},
		{"gets ", Gets, " "},
		{"gat 30 a b", Gat, " a b"},
		{"gats -1 a", Gats, " a"},
	} {
		var r Request
		keys, err := r.ParseLong([]byte(tt.line))
		if err != nil || r.Command != tt.command || string(keys) != tt.keys || !MayBeLong([]byte(tt.line)) {
			t.Errorf("%q: %v, command %d, keys %q", tt.line, err, r.Command, keys)
		}
	}
	for _, line := range []string{"getx a", "mg a", "set a 0 0 1", "get", ""} {
		if MayBeLong([]byte(line)) {
			t.Errorf("%q may be long", line)
		}
	}
	var r Request
	if keys, err := r.ParseLong([]byte("gat x a")); err != errExptime || string(keys) != " a" {
		t.Errorf("gat with a bad exptime: %v, %q", err, keys)
	}
}

// Every command is parsed without an allocation, once the request has been used.
func TestParseDoesNotAllocate(t *testing.T) {
	var r Request
	for _, line := range benchLines {
		b := []byte(line)
		if err := r.Parse(b); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if n := testing.AllocsPerRun(100, func() { _ = r.Parse(b) }); n != 0 {
			t.Errorf("parsing %q allocates %v times", line, n)
		}
	}
}

var benchLines = []string{
	"get key-12345678",
	"get key-12345678 key-12345679 key-12345680 key-12345681",
	"gat 300 key-12345678",
	"set key-12345678 0 300 1024",
	"cas key-12345678 0 300 1024 123456789 noreply",
	"incr key-12345678 1",
	"delete key-12345678",
	"mg key-12345678 v",
	"mg abcdefghijklmnopqrstuvwxyz0123456789-12345678 v c t N30 k Oxyz",
	"mg a2V5LTEyMzQ1Njc4 b v",
	"ms key-12345678 1024 T300 C123456789 c",
	"ma key-12345678 D5 N0 J1 v",
	"mn",
}

func BenchmarkParse(b *testing.B) {
	for _, line := range benchLines {
		b.Run(line, func(b *testing.B) {
			var r Request
			text := []byte(line)
			for b.Loop() {
				if err := r.Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
