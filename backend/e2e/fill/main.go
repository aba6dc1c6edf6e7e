// Fill gives a SQLite database of a MemCache many objects: it copies the one row
// that there is. It is a program of its own because SQLite is so much slower in a
// test with the race detector.
//
//	fill FILE COUNT
package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"

	_ "modernc.org/sqlite" // the driver
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fill:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%d arguments were given: a file and a count are needed", len(args))
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("the count: %w", err)
	}
	db, err := sql.Open("sqlite", args[0])
	if err != nil {
		return err
	}
	_, err = db.Exec(`
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO objects (object_key, blob_id, size, content_type, created, modified, version)
		SELECT CAST(printf('key-%06d', i) AS BLOB), blob_id, size, content_type, created + i, modified + i, version FROM objects, n`, count)
	return errors.Join(err, db.Close())
}
