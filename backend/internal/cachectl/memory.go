package cachectl

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"memcache/shared/api"
)

// maxNode is the most that a cache process takes (see its -m).
const maxNode = 128 << 30

// MaxCapacity returns the largest capacity worth setting: the machine's memory,
// what a cache process takes at most, or limit, unless that is 0.
func MaxCapacity(limit int64) (int64, error) {
	memory, err := Memory()
	if limit > 0 {
		memory = min(memory, limit)
	}
	return min(memory, maxNode), err
}

// Memory returns the memory that processes here may use, in bytes
// rounded down to whole MB: the machine's, or the control group's limit if that
// is lower.
func Memory() (int64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("ask for the machine's memory: %w", err)
	}
	memory := int64(info.Totalram) * int64(info.Unit)
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			memory = min(memory, limit)
		}
	}
	return memory / api.MB * api.MB, nil
}
