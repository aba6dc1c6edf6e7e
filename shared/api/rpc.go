package api

import "encoding/json"

// Request is a JSON-RPC 2.0 request, or a notification when ID is absent.
type Request struct {
	JSONRPC string          `json:"jsonrpc"` // "2.0"
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
}

// Response answers the Request with the same ID.
type Response struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *RPCError       `json:"error,omitempty"`
}

// RPCError is the error of a Response. Data is the same error as HTTP would
// give it, where the method ran and failed.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    *Error `json:"data,omitempty"`
}

// The codes of JSON-RPC 2.0, and ours.
const (
	RPCParseError     = -32700
	RPCInvalidRequest = -32600
	RPCNoMethod       = -32601
	RPCInvalidParams  = -32602
	RPCFailed         = -32000 // the method ran and failed: see Data
)

// MaxMessageBytes is the longest message either side sends.
const MaxMessageBytes = 1 << 20
