package memproto

import (
	"bytes"
	"strings"
	"testing"
)

// Fault 46: whatever a line holds, parsing it neither panics, nor reads beyond
// the line, nor lets through what the rest of the server relies on.
func FuzzFault46_Parse(f *testing.F) {
	for _, seed := range []string{
		"get a b c", "gets a", "gat 5 a b", "gats -1 a", "get a \x7f", "gat x a",
		"set k 0 0 5", "set k 1 -1 0 noreply", "add k 0 0 1", "replace k 0 0 1", "append k 0 0 1", "prepend k 0 0 1 noreply",
		"cas k 0 0 5 18446744073709551615", "cas k 0 0 5 x noreply", "cas k 0 0 5", "set k 0 0 5 noreply x", "set k x 0 5 noreply",
		"delete k 0", "delete k noreply", "delete k 0 noreply more", "touch k 5", "incr k 1", "decr k 18446744073709551616", "incr k 1 noreply",
		"flush_all 1 noreply", "stats settings", "stats reset", "cache_memlimit 64", "cache_policy lru", "verbosity 1", "shutdown graceful",
		"mg k v c t s f k q O1 N30 T5 R9 h l u E4", "mg Zm9v b k", "mg Zm9vY2== b", "ms k 5 C1 T9 F3 I q k O8 MR c", "ms k 5 MA N0 b", "ms k 5 Mx",
		"md k q C4 I T3 x", "ma k D5 N30 J1 M- v t c", "ma k M", "me k", "me Zm9v b", "mn",
		"quit", "version", "GET / HTTP/1.1", "set k 0 0 -1", "mg \x80\x81", "ms k 18446744073709551616", "   ", "mg k O" + strings.Repeat("o", 33),
		"get " + strings.Repeat("k", MaxKey+1), "mg " + strings.Repeat("A", MaxKey+2) + " b",
	} {
		f.Add([]byte(seed))
	}
	var r Request
	f.Fuzz(func(t *testing.T, line []byte) {
		// What lies behind the line, in the same buffer, must not matter.
		err := r.Parse(line)
		buffer := append(bytes.Clone(line), " noreply 7 v"...)
		var again Request
		if same := again.Parse(buffer[:len(line)]); same != err || again.Command != r.Command || again.Length != r.Length || again.NoReply != r.NoReply {
			t.Errorf("parsed again: %v, command %d, %d bytes, no reply %t; first %v, %d, %d, %t", same, again.Command, again.Length, again.NoReply, err, r.Command, r.Length, r.NoReply)
		}
		if r.Length < -1 || r.Length > MaxLength {
			t.Errorf("a data block of %d bytes", r.Length)
		}
		if err != nil {
			checkRefused(t, line, &r, err)
			return
		}
		checkRequest(t, &r)
	})
}

// checkRefused checks what is told of a line that is refused.
func checkRefused(t *testing.T, line []byte, r *Request, err *Error) {
	if strings.ContainsAny(err.Answer, "\r\n") || err.Answer == "" && !err.Close {
		t.Errorf("the answer %q is not one line", err.Answer)
	}
	if r.Length >= 0 && !r.Command.HasData() {
		t.Errorf("command %d announces %d bytes", r.Command, r.Length)
	}
	if r.NoReply && !bytes.Contains(line, []byte("noreply")) {
		t.Error("the answer is held back, though nobody asked for it")
	}
	// The length of the data is where it always is, so that it is skipped.
	if r.Length >= 0 {
		at := 4
		if r.Command == MetaSet {
			at = 2
		}
		words := bytes.FieldsFunc(line, func(c rune) bool { return c == ' ' })
		if n, ok := parseLength(words[at]); !ok || n != r.Length {
			t.Errorf("%d bytes are skipped, not %s", r.Length, words[at])
		}
	}
}

// checkRequest checks a line that is taken.
func checkRequest(t *testing.T, r *Request) {
	if r.Command == 0 {
		t.Error("no command")
	}
	if len(r.Key) > MaxKey || len(r.RawKey) > MaxKey {
		t.Errorf("a key of %d bytes", len(r.Key))
	}
	if r.Command.HasData() != (r.Length >= 0) {
		t.Errorf("command %d has a data block of %d bytes", r.Command, r.Length)
	}
	echo := AppendValue(nil, r.Key, r.Flags, 1<<30, 1<<64-1, true)
	for _, fl := range r.Meta {
		echo = AppendEcho(echo, r, fl)
	}
	if len(echo) > MaxHeader {
		t.Errorf("the answer's header is %d bytes", len(echo))
	}
	for rest := r.Keys; ; {
		key, after, err := NextKey(rest)
		if err != nil {
			t.Fatalf("the key in %q was taken", rest)
		}
		if len(key) == 0 {
			break
		}
		if len(key) > MaxKey || len(after) >= len(rest) {
			t.Fatalf("key %q leaves %q of %q", key, after, rest)
		}
		rest = after
	}
}
