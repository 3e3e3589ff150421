package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"strconv"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const lateRequestBytes = 1000

func (p *peerProgram) echo(ctx context.Context, arguments []string) (line, error) {
	received := sha256.New()
	sent, count, err := p.exchange(ctx, echoProtocol, arguments[0], received)
	if err != nil {
		return nil, err
	}
	return line{"bytes": count, "sent_sha256": toHex(sent), "received_sha256": toHex(received.Sum(nil))}, nil
}

func (p *peerProgram) send(ctx context.Context, arguments []string) (line, error) {
	var answer bytes.Buffer
	sent, _, err := p.exchange(ctx, digestProtocol, arguments[0], &answer)
	if err != nil {
		return nil, err
	}
	return line{"sent_sha256": toHex(sent), "peer_sha256": toHex(answer.Bytes())}, nil
}

func (p *peerProgram) exchange(ctx context.Context, id protocol.ID, size string, answer io.Writer) ([]byte, int64, error) {
	count, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return nil, 0, err
	}
	stream, err := p.open(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	return exchange(stream, count, answer)
}

// Sends so many random bytes while it reads the answer to its end; returns the digest of what was sent, and the size of
// the answer.
func exchange(stream network.Stream, count int64, answer io.Writer) ([]byte, int64, error) {
	type result struct {
		digest []byte
		err    error
	}
	sender := make(chan result, 1)
	go func() {
		digest, err := writeRandom(stream, count)
		sender <- result{digest, err}
	}()
	received, err := io.CopyBuffer(answer, plainReader{stream}, make([]byte, chunkBytes))
	if err != nil {
		stream.Reset()
	}
	sent := <-sender
	err = errors.Join(err, sent.err)
	endStream(stream, err)
	return sent.digest, received, err
}

// Writes random bytes and closes; returns their digest.
func writeRandom(stream network.Stream, count int64) ([]byte, error) {
	hash := sha256.New()
	chunk := make([]byte, chunkBytes)
	for count > 0 {
		part := chunk[:min(count, chunkBytes)]
		rand.Read(part)
		hash.Write(part)
		if _, err := stream.Write(part); err != nil {
			return nil, err
		}
		count -= int64(len(part))
	}
	return hash.Sum(nil), stream.CloseWrite()
}

func (p *peerProgram) halfClose(ctx context.Context, arguments []string) (line, error) {
	count, err := strconv.ParseUint(arguments[0], 10, 63)
	if err != nil {
		return nil, err
	}
	late, err := p.open(ctx, lateProtocol)
	if err != nil {
		return nil, err
	}
	request := make([]byte, lateRequestBytes)
	binary.BigEndian.PutUint64(request, count)
	if _, err := late.Write(request); err != nil {
		return nil, err
	}
	if err := late.CloseWrite(); err != nil {
		return nil, err
	}
	received, _, err := readDigest(late)
	if err != nil {
		return nil, err
	}
	mute, err := p.open(ctx, muteProtocol)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadAll(mute); err != nil {
		return nil, err
	}
	sent, err := writeRandom(mute, int64(count))
	endStream(mute, err)
	if err != nil {
		return nil, err
	}
	return line{"late_bytes": received, "sent_sha256": toHex(sent)}, nil
}

func (p *peerProgram) reset(ctx context.Context, _ []string) (line, error) {
	stream, err := p.open(ctx, echoProtocol)
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write(make([]byte, 1024)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(stream, make([]byte, 1024)); err != nil {
		return nil, err
	}
	return nil, stream.Reset()
}

func (p *peerProgram) beReset(ctx context.Context, _ []string) (line, error) {
	stream, err := p.open(ctx, resetProtocol)
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write([]byte{1}); err != nil {
		return nil, err
	}
	_, err = stream.Read(make([]byte, 1))
	return line{"reset": errors.Is(err, network.ErrReset) && !stream.Conn().IsClosed()}, nil
}
