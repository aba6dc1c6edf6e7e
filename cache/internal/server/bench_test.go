package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"memcache/cache/internal/store"
)

// BenchmarkGet asks for values over a unix socket, one connection a processor,
// in pipelines. With MEMCACHED_SOCKET set to the socket of a memcached, the same
// requests go there, for comparison side by side.
func BenchmarkGet(b *testing.B) {
	socket := os.Getenv("MEMCACHED_SOCKET")
	if socket == "" {
		socket = start(b, Config{}, store.Config{Capacity: 256 * mb, ItemLimit: 16 * mb}).socket
	}
	for _, size := range []int{1 << 10, 100 << 10, 1 << 20} {
		for _, pipeline := range []int{1, 16} {
			b.Run(fmt.Sprintf("%dKiB/pipeline=%d", size>>10, pipeline), func(b *testing.B) {
				benchmarkGet(b, socket, size, pipeline)
			})
		}
	}
}

func benchmarkGet(b *testing.B, socket string, size, pipeline int) {
	const keys = 100
	nc := benchDial(b, socket)
	r := bufio.NewReader(nc)
	for i := range keys {
		fmt.Fprintf(nc, "set key-%d 0 0 %d\r\n%s\r\n", i, size, strings.Repeat("x", size))
		if line, err := r.ReadString('\n'); err != nil || line != "STORED\r\n" {
			b.Fatal(line, err)
		}
	}
	answer := len("VA  \r\n") + len(fmt.Sprint(size)) - 1 + size + 2
	b.SetBytes(int64(size))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		nc := benchDial(b, socket)
		buf := make([]byte, 256<<10)
		request := make([]byte, 0, pipeline*16)
		for n := 0; ; {
			request = request[:0]
			asked := 0
			for ; asked < pipeline && pb.Next(); asked++ {
				request = fmt.Appendf(request, "mg key-%d v\r\n", n%keys)
				n++
			}
			if asked == 0 {
				return
			}
			if _, err := nc.Write(request); err != nil {
				b.Error(err)
				return
			}
			for left := asked * answer; left > 0; {
				m, err := nc.Read(buf[:min(left, len(buf))])
				if err != nil {
					b.Error(err)
					return
				}
				left -= m
			}
		}
	})
}

func benchDial(b *testing.B, socket string) net.Conn {
	b.Helper()
	nc, err := net.Dial("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = nc.Close() })
	return nc
}

// BenchmarkSet stores values over a unix socket.
func BenchmarkSet(b *testing.B) {
	socket := os.Getenv("MEMCACHED_SOCKET")
	if socket == "" {
		socket = start(b, Config{}, store.Config{Capacity: 256 * mb, ItemLimit: 16 * mb}).socket
	}
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			nc := benchDial(b, socket)
			value := strings.Repeat("x", size)
			answer := make([]byte, 4)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				if _, err := fmt.Fprintf(nc, "ms key-%d %d\r\n%s\r\n", i%10_000, size, value); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(nc, answer); err != nil || string(answer) != "HD\r\n" {
					b.Fatal(string(answer), err)
				}
			}
		})
	}
}
