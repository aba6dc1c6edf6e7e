package sqlindex

import (
	"strings"
	"testing"

	"memcache/shared/api"
)

// Keys that differ in their last byte alone must keep their order where MariaDB
// sorts, too, instead of following an index: it does so as it sees fit, so the
// table here has none.
func TestFault02_LongestKeysAreSortedByAllOfTheirBytes(t *testing.T) {
	db := mustOpen(t, mariadbConfig(t))
	conn, err := db.reader.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	longest := strings.Repeat("k", api.MaxKeyBytes-1)
	exec("CREATE TEMPORARY TABLE unsorted (k VARBINARY(1024) NOT NULL, n INT)")
	exec("INSERT INTO unsorted VALUES (?, 2), (?, 1), (?, 0)", []byte(longest+"b"), []byte(longest+"a"), []byte(longest))
	rows, err := conn.QueryContext(t.Context(), "SELECT n FROM unsorted ORDER BY k")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for want := 0; rows.Next(); want++ {
		var got int
		if err := rows.Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("key %d comes at place %d", got, want)
		}
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}
