package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	"github.com/multiformats/go-multistream"
)

const commandTimeout = 40 * time.Second

type peerProgram struct {
	host        host.Host
	mdns        mdns.Service // nil without --mdns
	mdnsStarted bool
	pubsub      *pubsubProgram     // nil without --pubsub
	kad         *dht.IpfsDHT       // nil without --kad
	autonat     *autonatv2.AutoNAT // nil without --autonat

	lock       sync.Mutex
	connection network.Conn // the latest
	// What identify told last, by connection.
	identified map[network.Conn]event.EvtPeerIdentificationCompleted
	quiet      bool // no events of connections, during bench_connect
}

func newPeer(h host.Host) *peerProgram {
	p := &peerProgram{host: h, identified: map[network.Conn]event.EvtPeerIdentificationCompleted{}}
	serveTests(h)
	h.Network().Notify(&network.NotifyBundle{ConnectedF: p.connected, DisconnectedF: p.disconnected})
	subscription, err := h.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		panic(err)
	}
	go func() {
		for each := range subscription.Out() {
			p.identifiedPeer(each.(event.EvtPeerIdentificationCompleted))
		}
	}()
	return p
}

func muxerBy(connection network.Conn) string {
	if connection.ConnState().UsedEarlyMuxerNegotiation {
		return "handshake"
	}
	return "multistream"
}

func (p *peerProgram) connected(_ network.Network, connection network.Conn) {
	p.lock.Lock()
	p.connection = connection
	quiet := p.quiet
	p.lock.Unlock()
	if !quiet {
		printLine(line{
			"event": "connected", "peer": connection.RemotePeer().String(),
			"inbound":  connection.Stat().Direction == network.DirInbound,
			"muxer_by": muxerBy(connection),
		})
	}
}

func (p *peerProgram) disconnected(_ network.Network, connection network.Conn) {
	p.lock.Lock()
	delete(p.identified, connection)
	quiet := p.quiet
	p.lock.Unlock()
	if !quiet {
		printLine(line{"event": "disconnected", "peer": connection.RemotePeer().String()})
	}
}

func (p *peerProgram) identifiedPeer(info event.EvtPeerIdentificationCompleted) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if !info.Conn.IsClosed() {
		p.identified[info.Conn] = info
	}
}

func (p *peerProgram) setQuiet(quiet bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.quiet = quiet
}

func (p *peerProgram) latest() (network.Conn, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.connection == nil || p.connection.IsClosed() {
		return nil, errors.New("not connected")
	}
	return p.connection, nil
}

// Opens a stream to the peer of the latest connection.
func (p *peerProgram) open(ctx context.Context, id protocol.ID) (network.Stream, error) {
	connection, err := p.latest()
	if err != nil {
		return nil, err
	}
	return p.host.NewStream(network.WithNoDial(overRelays(ctx), "connected already"), connection.RemotePeer(), id)
}

// Carries a command out and prints the reply.
func (p *peerProgram) execute(name string, arguments []string) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	fields, err := line(nil), error(nil)
	if command, ok := commands[name]; !ok {
		err = fmt.Errorf("unknown command %q", name)
	} else if len(arguments) != command.arguments {
		err = fmt.Errorf("%s takes %d arguments", name, command.arguments)
	} else {
		fields, err = command.call(p, ctx, arguments)
	}
	reply := line{"reply": name, "ok": err == nil}
	if err != nil {
		reply["error"], reply["message"] = errorKind(err), err.Error()
	}
	for key, value := range fields {
		reply[key] = value
	}
	printLine(reply)
}

// The kinds of failure that a case may expect; all others are told by their message alone.
func errorKind(err error) string {
	var mismatch sec.ErrPeerIDMismatch
	var notSupported multistream.ErrNotSupported[protocol.ID]
	switch {
	// The swarm's error names the cause in its text only, where it has gone through several layers.
	case errors.As(err, &mismatch), strings.Contains(err.Error(), "peer id mismatch"):
		return "peer_id_mismatch"
	case errors.As(err, &notSupported):
		return "protocol_not_supported"
	}
	return "other"
}
