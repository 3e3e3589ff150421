package main

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
)

// Small, so that what was written before the last write stuck is known exactly enough.
const unreadChunkBytes = 16 * 1024

// Many streams at once beside one that nobody reads.
func (p *peerProgram) flood(ctx context.Context, arguments []string) (line, error) {
	count, err := strconv.Atoi(arguments[0])
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseInt(arguments[1], 10, 64)
	if err != nil {
		return nil, err
	}
	unread, err := p.open(ctx, unreadProtocol)
	if err != nil {
		return nil, err
	}
	var taken atomic.Int64
	stuck := make(chan struct{})
	go func() {
		defer close(stuck)
		fill(unread, &taken)
	}()

	var completed, mismatched atomic.Int64
	errs := make(chan error, count)
	var all sync.WaitGroup
	for range count {
		all.Go(func() {
			same, err := p.sendOne(ctx, size)
			if err != nil {
				errs <- err
				return
			}
			completed.Add(1)
			if !same {
				mismatched.Add(1)
			}
		})
	}
	all.Wait()
	unread.Reset()
	<-stuck
	if len(errs) > 0 {
		return nil, <-errs
	}
	return line{"completed": completed.Load(), "mismatched": mismatched.Load(), "unread_bytes": taken.Load()}, nil
}

func (p *peerProgram) sendOne(ctx context.Context, size int64) (bool, error) {
	stream, err := p.open(ctx, digestProtocol)
	if err != nil {
		return false, err
	}
	var answer bytes.Buffer
	sent, _, err := exchange(stream, size, &answer)
	return bytes.Equal(sent, answer.Bytes()), err
}

// Writes until the stream is reset, and counts what it took.
func fill(stream network.Stream, taken *atomic.Int64) {
	chunk := make([]byte, unreadChunkBytes)
	for {
		count, err := stream.Write(chunk)
		taken.Add(int64(count))
		if err != nil {
			return
		}
	}
}
