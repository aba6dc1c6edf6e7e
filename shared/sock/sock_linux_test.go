package sock

import (
	"testing"

	"golang.org/x/sys/unix"
)

// taken is how many bytes a unix socket takes before anybody reads.
func taken(t *testing.T, prepare func(fd int) error) (n int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if err := prepare(pair[0]); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 64<<10); ; {
		more, err := Send(pair[0], b)
		if err == unix.EAGAIN {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n += more
	}
}

func TestWiden(t *testing.T) {
	narrow, wide := taken(t, func(int) error { return nil }), taken(t, Widen)
	if wide <= narrow {
		t.Errorf("%d bytes fit into the socket, %d before", wide, narrow)
	}
	if err := Widen(-1); err == nil {
		t.Error("no error for what is no socket")
	}
}
