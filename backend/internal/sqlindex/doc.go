// Package sqlindex keeps the rows of objects, the settings and the statistics
// samples in a database: an embedded SQLite file, or MySQL or MariaDB. [DB]
// is the storage.Index of the backend, and passes storagetest.Index on both.
//
// # Schema
//
// Each database has its folder of numbered migrations, which Open applies. A
// migration that was released is never edited; a change is a new file. They
// make the same tables (beside those that are told of below):
//
//	objects  object_key, blob_id, size, content_type, created, modified, version, checksum
//	settings one row: capacity, policy, generation, nodes (the cache nodes, see package pool), and who may change rows (frozen, only_store, moving)
//	answers  id, expires, answer, claim
//	trash    object_key … version, deleted: what was deleted in the last moments
//	moved_blobs blob_id: those that a copy to another place has verified there; see [Moving]
//	share_key one row: the key that signs links to objects; in no backup
//	samples  time_ms, node, span, seconds, items, bytes, requests, hits, misses, evictions
//
// The columns are object_key and blob_id because KEY and BLOB are reserved
// words. Times are integers, milliseconds since 1970 in UTC, so that no session
// time zone and no driver conversion can move them. object_key is BLOB in
// SQLite and VARBINARY(1024) in MySQL: both compare byte by byte, where text
// would fold case, accents or trailing spaces. Even with the time in front it
// stays below InnoDB's 3072 bytes an index entry.
//
// Indexes: one on the key, one for each order by time with ascending keys as
// tie-break (a single index read backwards would give descending ones), one by
// size and one by type, which are read in both directions, one on the blob for
// the sweep, and samples by time and by span and time. (MariaDB
// before 10.8 ignores that an index descends: lists are right there, but sort.)
//
// samples.span is 0 for a row as recorded and 60 for a minute rolled up from
// those. A new database starts with the time of its creation as its cache
// generation, so that a cache that outlived an older database is never believed.
//
// # Writing
//
// SQLite has one connection for writes, with immediate transactions, and a pool
// for reads: parallel writers queue in Go instead of failing with SQLITE_BUSY.
// It runs in WAL mode with synchronous=FULL: what is committed survives a power
// cut. MySQL writers that lose to a deadlock try again.
//
// Where the connection to MySQL is lost while a change commits, the table commits
// tells whether it was made: each change leaves a token of its own there. What was
// made is not made twice, and what was not is tried again.
//
// Rows that are part of a copy to another place can be frozen: each change of them
// looks at the row of the settings in its own transaction, with the fence of the
// generation where it has one. A new table is either copied or known not to be, see
// copiedTables.
//
// # Lists
//
// A page starts after the last row of the page before, found through an index
// (keyset paging); it is never an OFFSET, whose cost grows with the page. The
// rows at the cursor's own time, size or type are one index range and the rows
// beyond it another, so a million rows with one time page as quickly as any.
//
// The table totals has the number of all objects: SQLite's triggers keep it, and
// in MySQL whoever changes the rows, as one of several rows that are summed up. A
// list with a prefix is counted up to [CountLimit], a search up to
// [SearchCountLimit].
//
// A search is for a part of a key, ASCII letters in either case. Indexes find few
// matches among many keys, and many are met soon along the index of the order.
// SQLite has one of the keys' trigrams (FTS5) and one of each byte and each two of
// them, for shorter searches. In MySQL the table key_parts has what a key has from
// each of its bytes on, up to eight of them: a row a byte. Looking for the eight
// that the fewest keys have, MySQL goes through all keys only where each of the last
// eights of a search is in thousands of keys, but all of it in few.
//
// # Deadlines and errors
//
// [OpenOrRetry] lets a start go on without MySQL: until the database answers, every
// method fails with api.Unavailable.
//
// Every statement ends at the deadline of its context, a commit too; a context
// without one gets a few seconds. A database that cannot be reached or does not answer in
// time is an api.Error with the code api.Unavailable, a full disk one with
// api.Full. No error and no log line contains the password of the DSN.
package sqlindex
