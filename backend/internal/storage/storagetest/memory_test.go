package storagetest_test

import (
	"testing"

	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

func TestMemIndex(t *testing.T) {
	storagetest.Index(t, func(*testing.T) storage.Index { return &storagetest.MemIndex{} })
}

func TestMemCache(t *testing.T) {
	storagetest.Cache(t, func(*testing.T) storagetest.CacheUnderTest { return &storagetest.MemCache{} })
}
