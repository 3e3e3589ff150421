package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// The client asks for a number of bytes, and may send some first (libp2p/specs, perf/perf.md). Ours sends eight, which
// say from where in its source the server is to take them; another perf server would discard them.
const perfProtocol = "/perf/1.0.0"

func handler(source []byte) network.StreamHandler {
	return func(stream network.Stream) {
		if err := answer(stream, source); err != nil {
			fmt.Fprintln(os.Stderr, "serving:", err)
			stream.Reset()
		}
	}
}

func answer(stream network.Stream, source []byte) error {
	var request [16]byte
	if _, err := io.ReadFull(stream, request[:]); err != nil {
		return err
	}
	size, begin := binary.BigEndian.Uint64(request[:8]), binary.BigEndian.Uint64(request[8:])
	total := uint64(len(source))
	if begin > total || size > total-begin {
		return errors.New("outside of the source")
	}
	if _, err := stream.Write(source[begin : begin+size]); err != nil {
		return err
	}
	return stream.Close()
}

// Where bytes go that one connection brings.
type part struct {
	offset uint64
	bytes  []byte
}

type parts []part

func newParts(bytes uint64, count int) (parts, error) {
	each := bytes / uint64(count)
	if each*uint64(count) != bytes || each%wordBytes != 0 {
		return nil, fmt.Errorf("%d bytes do not divide among %d connections", bytes, count)
	}
	into := make(parts, count)
	for i := range into {
		into[i] = part{uint64(i) * each, make([]byte, each)}
	}
	return into, nil
}

func (p parts) clear() {
	for _, part := range p {
		clear(part.bytes)
	}
}

func (p parts) check() error {
	for _, part := range p {
		if err := check(part.offset, part.bytes); err != nil {
			return err
		}
	}
	return nil
}

// One part a host, all at once.
func (p parts) fetch(hosts []host.Host, server peer.ID) error {
	done := make(chan error, len(hosts))
	for i, node := range hosts {
		go func() { done <- p[i].fetch(node, server) }()
	}
	var first error
	for range hosts {
		if err := <-done; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (p part) fetch(node host.Host, server peer.ID) error {
	stream, err := node.NewStream(context.Background(), server, perfProtocol)
	if err != nil {
		return err
	}
	defer stream.Close()
	request := binary.BigEndian.AppendUint64(nil, uint64(len(p.bytes)))
	if _, err := stream.Write(binary.BigEndian.AppendUint64(request, p.offset)); err != nil {
		return err
	}
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	if _, err := io.ReadFull(stream, p.bytes); err != nil {
		return err
	}
	if count, err := stream.Read(make([]byte, 1)); count != 0 || err != io.EOF {
		return errors.New("more came than was asked for")
	}
	return nil
}
