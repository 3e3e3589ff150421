package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	echoProtocol   protocol.ID = "/kvp2p-test/echo/1.0.0"
	digestProtocol protocol.ID = "/kvp2p-test/digest/1.0.0"
	unreadProtocol protocol.ID = "/kvp2p-test/unread/1.0.0"
	lateProtocol   protocol.ID = "/kvp2p-test/late/1.0.0"
	muteProtocol   protocol.ID = "/kvp2p-test/mute/1.0.0"
	resetProtocol  protocol.ID = "/kvp2p-test/reset/1.0.0"
	perfProtocol   protocol.ID = "/perf/1.0.0"
)

const (
	chunkBytes   = 64 * 1024
	lateMaxBytes = 64 * 1024 * 1024
)

func serveTests(h host.Host) {
	serve(h, echoProtocol, serveEcho)
	serve(h, digestProtocol, serveDigest)
	serve(h, lateProtocol, serveLate)
	h.SetStreamHandler(muteProtocol, serveMute)
	h.SetStreamHandler(unreadProtocol, func(network.Stream) {}) // kept by its connection, never read
	h.SetStreamHandler(resetProtocol, serveReset)
	h.SetStreamHandler(perfProtocol, servePerf)
}

// Serves a protocol, and tells how each stream ended.
func serve(h host.Host, id protocol.ID, work func(network.Stream) error) {
	h.SetStreamHandler(id, func(s network.Stream) {
		err := work(s)
		endStream(s, err)
		printLine(line{"event": "stream_ended", "protocol": id, "clean": err == nil})
	})
}

func endStream(s network.Stream, err error) {
	if err != nil {
		s.Reset()
	} else {
		s.Close()
	}
}

func serveEcho(s network.Stream) error {
	buffer := make([]byte, chunkBytes)
	for {
		count, err := s.Read(buffer)
		if count > 0 {
			if _, err := s.Write(buffer[:count]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return s.CloseWrite()
		}
		if err != nil {
			return err
		}
	}
}

func serveDigest(s network.Stream) error {
	_, digest, err := readDigest(s)
	if err != nil {
		return err
	}
	if _, err := s.Write(digest); err != nil {
		return err
	}
	return s.CloseWrite()
}

func serveLate(s network.Stream) error {
	request, err := io.ReadAll(io.LimitReader(s, chunkBytes))
	if err != nil {
		return err
	}
	if len(request) < 8 {
		return errors.New("no size in the request")
	}
	return writeZeros(s, min(binary.BigEndian.Uint64(request), lateMaxBytes))
}

func serveMute(s network.Stream) {
	err := s.CloseWrite()
	var bytes int64
	var digest []byte
	if err == nil {
		bytes, digest, err = readDigest(s)
	}
	endStream(s, err)
	printLine(line{
		"event": "stream_ended", "protocol": muteProtocol, "clean": err == nil,
		"bytes": bytes, "sha256": toHex(digest),
	})
}

func serveReset(s network.Stream) {
	io.ReadFull(s, make([]byte, 1))
	s.Reset()
}

func servePerf(s network.Stream) {
	endStream(s, answerPerf(s))
}

func answerPerf(s network.Stream) error {
	header := make([]byte, 8)
	if _, err := io.ReadFull(s, header); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(discard{}, plainReader{s}, make([]byte, chunkBytes)); err != nil {
		return err
	}
	return writeZeros(s, binary.BigEndian.Uint64(header))
}

// Hides whatever else a reader can do, so that io.CopyBuffer uses the buffer given.
type plainReader struct{ io.Reader }

type discard struct{}

func (discard) Write(bytes []byte) (int, error) { return len(bytes), nil }

// Reads to the end.
func readDigest(s network.Stream) (int64, []byte, error) {
	hash := sha256.New()
	bytes, err := io.CopyBuffer(hash, plainReader{s}, make([]byte, chunkBytes))
	return bytes, hash.Sum(nil), err
}

// Writes so many zeros, and closes.
func writeZeros(s network.Stream, bytes uint64) error {
	chunk := make([]byte, chunkBytes)
	for bytes > 0 {
		size := min(bytes, chunkBytes)
		if _, err := s.Write(chunk[:size]); err != nil {
			return err
		}
		bytes -= size
	}
	return s.CloseWrite()
}
