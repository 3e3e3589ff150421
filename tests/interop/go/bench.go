package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

func (p *peerProgram) perf(ctx context.Context, arguments []string) (line, error) {
	up, err := strconv.ParseUint(arguments[0], 10, 63)
	if err != nil {
		return nil, err
	}
	down, err := strconv.ParseUint(arguments[1], 10, 63)
	if err != nil {
		return nil, err
	}
	stream, err := p.open(ctx, perfProtocol)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	upUs, err := askPerf(stream, up, down)
	endStream(stream, err)
	if err != nil {
		return nil, err
	}
	return line{"up_us": upUs, "down_us": time.Since(begin).Microseconds() - upUs}, nil
}

// Runs the exchange to its end; returns the time to the answer's first byte.
func askPerf(stream network.Stream, up, down uint64) (int64, error) {
	begin := time.Now()
	if _, err := stream.Write(binary.BigEndian.AppendUint64(nil, down)); err != nil {
		return 0, err
	}
	if err := writeZeros(stream, up); err != nil {
		return 0, err
	}
	buffer := make([]byte, chunkBytes)
	count, err := stream.Read(buffer)
	upUs := time.Since(begin).Microseconds()
	received := uint64(count)
	for err == nil {
		count, err = stream.Read(buffer)
		received += uint64(count)
	}
	if err != io.EOF {
		return 0, err
	}
	if received != down {
		return 0, errors.New("the answer has another size than was asked for")
	}
	return upUs, nil
}

func (p *peerProgram) benchConnect(_ context.Context, arguments []string) (line, error) {
	n, err := strconv.Atoi(arguments[0])
	if err != nil {
		return nil, err
	}
	info, err := peer.AddrInfoFromString(arguments[1])
	if err != nil {
		return nil, err
	}
	p.setQuiet(true)
	defer p.setQuiet(false)
	p.host.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.PermanentAddrTTL)
	var total time.Duration
	for range n {
		begin := time.Now()
		connection, err := p.host.Network().DialPeer(context.Background(), info.ID)
		total += time.Since(begin)
		if err != nil {
			return nil, err
		}
		if err := connection.Close(); err != nil {
			return nil, err
		}
	}
	return line{"total_us": total.Microseconds()}, nil
}

func (p *peerProgram) benchStreams(_ context.Context, arguments []string) (line, error) {
	n, err := strconv.Atoi(arguments[0])
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	for range n {
		stream, err := p.open(context.Background(), echoProtocol)
		if err != nil {
			return nil, err
		}
		err = roundTrip(stream, make([]byte, 1))
		endStream(stream, err)
		if err != nil {
			return nil, err
		}
	}
	return line{"total_us": time.Since(begin).Microseconds()}, nil
}

// Not by the ping service, which pings ever on with a goroutine and a timer beside.
func (p *peerProgram) benchPing(_ context.Context, arguments []string) (line, error) {
	n, err := strconv.Atoi(arguments[0])
	if err != nil {
		return nil, err
	}
	stream, err := p.open(context.Background(), ping.ID)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	question := make([]byte, ping.PingSize)
	rand.Read(question)
	begin := time.Now()
	for range n {
		if err := roundTrip(stream, question); err != nil {
			return nil, err
		}
	}
	return line{"total_us": time.Since(begin).Microseconds()}, nil
}

func roundTrip(stream network.Stream, question []byte) error {
	if _, err := stream.Write(question); err != nil {
		return err
	}
	answer := make([]byte, len(question))
	if _, err := io.ReadFull(stream, answer); err != nil {
		return err
	}
	if !bytes.Equal(question, answer) {
		return errors.New("the echo differs")
	}
	return nil
}

func (p *peerProgram) cpu(context.Context, []string) (line, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return nil, err
	}
	return line{"user_us": usage.Utime.Nano() / 1000, "system_us": usage.Stime.Nano() / 1000}, nil
}
