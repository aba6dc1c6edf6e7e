// Package sock reads and writes sockets for event loops, which wait for them
// with epoll and not with package net: those of the cache process, and those of
// the backend that answer hits. It is for Linux.
//
// The sockets do not block, so that reading and writing take some microseconds,
// and at most what it takes to fill a socket's buffer. The scheduler is not told
// of it: that would cost as much as a lookup, and after 20 µs it would give the
// processor away. Recv and send do less than read and write, which know files too.
package sock
