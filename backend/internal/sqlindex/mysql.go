package sqlindex

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	"memcache/shared/api"
)

var mysqlDialect = dialect{
	goose:      goose.DialectMySQL,
	migrations: "migrations/mysql",
	putObject: insertObject + `ON DUPLICATE KEY UPDATE blob_id = VALUES(blob_id), size = VALUES(size),
content_type = VALUES(content_type), modified = VALUES(modified), checksum = VALUES(checksum), version = version + 1`,
	firstSetting: insertSetting + `ON DUPLICATE KEY UPDATE id = id`,
	claimAnswer:  insertClaim + `ON DUPLICATE KEY UPDATE answers.id = answers.id`,
	takeUpload:   insertUpload + `ON DUPLICATE KEY UPDATE turn = uploads.turn + 1, expires = VALUES(expires)`,
	addLogin:     "INSERT " + insertLogin + `ON DUPLICATE KEY UPDATE logins.id = logins.id`,
	putToken:     "INSERT INTO commits (token, time_ms) VALUES (?, ?)",
	forShare:     " LOCK IN SHARE MODE", // MariaDB does not know FOR SHARE
	forUpdate:    " FOR UPDATE",
	snapshot:     &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
	useIndex:     " FORCE INDEX (%s)",
	total:        "SELECT SUM(objects) FROM totals",
	addTotal:     "UPDATE totals SET objects = objects + ? WHERE slot = ?",
	byID:         " FORCE INDEX (objects_id)",
	partBytes:    8,
	withPart:     mysqlWithPart,
	contains:     mysqlContains,
	clock:        "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
}

// mysqlContains folds the letters of the needle in the key, one REPLACE each:
// LOWER does nothing on binary strings, and with a character set it would fold
// more than ASCII. Letters that the needle lacks cannot take part in a match.
func mysqlContains(needle string) (string, any) {
	needle = lowerASCII(needle)
	folded := "object_key"
	for c := 'a'; c <= 'z'; c++ {
		if strings.ContainsRune(needle, c) {
			folded = fmt.Sprintf("REPLACE(%s, '%c', '%c')", folded, c-'a'+'A', c)
		}
	}
	return "LOCATE(?, " + folded + ") > 0", []byte(needle)
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// openMySQL connects to the database of dsn and creates it when missing.
func openMySQL(ctx context.Context, c Config) (*DB, error) {
	conf, err := mysqlConfig(c.DSN, c.Log)
	if err != nil {
		return nil, err
	}
	if err := createDatabase(ctx, conf); err != nil {
		return nil, connectError(mysqlName(conf), conf.User, err)
	}
	return c.newMySQL(conf)
}

// newMySQL returns the database of conf; its connections are made when needed.
func (c Config) newMySQL(conf *mysql.Config) (*DB, error) {
	connector, err := mysql.NewConnector(conf)
	if err != nil {
		return nil, fmt.Errorf("set up %s: %w", mysqlName(conf), err)
	}
	ready := new(atomic.Bool)
	ready.Store(true)
	primary := new(primary)
	pool := c.limit(sql.OpenDB(mysqlConnector{connector, ready, primary}))
	db := c.newDB(mysqlName(conf), mysqlDialect, pool, pool, pool)
	db.ready, db.primary = ready, primary
	return db, nil
}

func mysqlName(c *mysql.Config) string { return fmt.Sprintf("MySQL %s at %s", c.DBName, c.Addr) }

// mysqlConfig is the driver's configuration for dsn.
func mysqlConfig(dsn string, log *slog.Logger) (*mysql.Config, error) {
	c, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return c, configure(c, log)
}

func configure(c *mysql.Config, log *slog.Logger) error {
	c.Logger = driverLog{log}
	c.Params = map[string]string{
		// A server that cuts values short instead of refusing them would break keys.
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
		"innodb_lock_wait_timeout": "5",
		// By default it sorts by the first 1024 bytes, counting the length among
		// them: two of the longest keys could change places between pages.
		"max_sort_length": "4096",
	}
	return c.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin"))
}

// createDatabase makes sure that c's database exists. It asks to create it
// only when it is missing: the user may have no right to.
func createDatabase(ctx context.Context, c *mysql.Config) error {
	err := execOnce(ctx, c, "SELECT 1")
	if mysqlNumber(err) != mysqlUnknownDatabase {
		return err
	}
	server := c.Clone()
	server.DBName = ""
	quoted := "`" + strings.ReplaceAll(c.DBName, "`", "``") + "`"
	return execOnce(ctx, server, "CREATE DATABASE IF NOT EXISTS "+quoted+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
}

// execOnce runs one statement on a connection of its own.
func execOnce(ctx context.Context, c *mysql.Config, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return fmt.Errorf("set up %s: %w", mysqlName(c), err)
	}
	pool := sql.OpenDB(connector)
	_, err = pool.ExecContext(ctx, statement)
	return errors.Join(err, pool.Close())
}

// limit sets how many connections the pool has, and for how long.
func (c Config) limit(pool *sql.DB) *sql.DB {
	connections, lifetime := cmp.Or(c.Connections, DefaultConnections), cmp.Or(c.Lifetime, DefaultLifetime)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	// Below the idle limits of servers and proxies.
	pool.SetConnMaxIdleTime(min(time.Minute, lifetime))
	pool.SetConnMaxLifetime(lifetime)
	return pool
}

// connectError says what to do about a failure to connect.
func connectError(name, user string, err error) error {
	if mysqlNumber(err) != 0 && !isUnreachable(err) {
		return fmt.Errorf("open %s as user %q: %w: check the user, its password and its rights", name, user, err)
	}
	return api.Errorf(api.Unavailable, "%s does not answer: check that it runs and that the address is right: %w", name, err)
}

// driverLog writes what the driver has to say to the log.
type driverLog struct{ log *slog.Logger }

func (l driverLog) Print(v ...any) {
	l.log.Warn("MySQL driver", "message", fmt.Sprint(v...))
}
