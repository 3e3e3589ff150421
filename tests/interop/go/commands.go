package main

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	identifyTimeout = 10 * time.Second
	identifyPoll    = 10 * time.Millisecond
)

type command struct {
	arguments int
	call      func(*peerProgram, context.Context, []string) (line, error)
}

var commands map[string]command

func init() {
	commands = map[string]command{
		"listen":             {1, (*peerProgram).listen},
		"dial":               {1, (*peerProgram).dial},
		"identify":           {0, (*peerProgram).identify},
		"serve":              {1, (*peerProgram).serve},
		"ping":               {0, (*peerProgram).ping},
		"echo":               {1, (*peerProgram).echo},
		"send":               {1, (*peerProgram).send},
		"flood":              {2, (*peerProgram).flood},
		"half_close":         {1, (*peerProgram).halfClose},
		"reset":              {0, (*peerProgram).reset},
		"be_reset":           {0, (*peerProgram).beReset},
		"perf":               {2, (*peerProgram).perf},
		"subscribe":          {1, (*peerProgram).subscribe},
		"unsubscribe":        {1, (*peerProgram).unsubscribe},
		"publish":            {2, (*peerProgram).publish},
		"topic_peers":        {1, (*peerProgram).topicPeers},
		"kad_table":          {0, (*peerProgram).kadTable},
		"kad_find_peer":      {1, (*peerProgram).kadFindPeer},
		"kad_provide":        {1, (*peerProgram).kadProvide},
		"kad_find_providers": {2, (*peerProgram).kadFindProviders},
		"kad_put":            {2, (*peerProgram).kadPut},
		"kad_get":            {1, (*peerProgram).kadGet},
		"reserve":            {1, (*peerProgram).reserve},
		"path":               {1, (*peerProgram).path},
		"probe":              {1, (*peerProgram).probe},
		"close":              {0, (*peerProgram).close},
		"quit":               {0, (*peerProgram).quit},
		"bench_connect":      {2, (*peerProgram).benchConnect},
		"bench_streams":      {1, (*peerProgram).benchStreams},
		"bench_ping":         {1, (*peerProgram).benchPing},
		"cpu":                {0, (*peerProgram).cpu},
	}
}

func (p *peerProgram) listen(_ context.Context, arguments []string) (line, error) {
	address, err := ma.NewMultiaddr(arguments[0])
	if err != nil {
		return nil, err
	}
	if err := p.host.Network().Listen(address); err != nil {
		return nil, err
	}
	addresses, err := p.host.Network().InterfaceListenAddresses()
	if err != nil {
		return nil, err
	}
	// go's mDNS tells the addresses that there are when it starts, and no later ones.
	if p.mdns != nil && !p.mdnsStarted {
		if err := p.mdns.Start(); err != nil {
			return nil, err
		}
		p.mdnsStarted = true
	}
	full, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: p.host.ID(), Addrs: addresses})
	if err != nil {
		return nil, err
	}
	return line{"addresses": texts(full)}, nil
}

func (p *peerProgram) dial(ctx context.Context, arguments []string) (line, error) {
	info, err := peer.AddrInfoFromString(arguments[0])
	if err != nil {
		return nil, err
	}
	p.host.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.TempAddrTTL)
	connection, err := p.host.Network().DialPeer(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	p.lock.Lock()
	p.connection = connection
	p.lock.Unlock()
	return line{"peer": connection.RemotePeer().String(), "muxer_by": muxerBy(connection)}, nil
}

func (p *peerProgram) identify(context.Context, []string) (line, error) {
	connection, err := p.latest()
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(identifyTimeout); time.Now().Before(deadline); time.Sleep(identifyPoll) {
		p.lock.Lock()
		info, ok := p.identified[connection]
		p.lock.Unlock()
		if !ok {
			continue
		}
		fields := line{
			"agent_version":    info.AgentVersion,
			"protocols":        info.Protocols,
			"listen_addresses": texts(info.ListenAddrs),
			// go verifies the record before it tells of it.
			"signed_record": info.SignedPeerRecord != nil,
		}
		if info.ObservedAddr != nil {
			fields["observed_address"] = info.ObservedAddr.String()
		}
		return fields, nil
	}
	return nil, errors.New("not identified in time")
}

func (p *peerProgram) serve(_ context.Context, arguments []string) (line, error) {
	serve(p.host, protocol.ID(arguments[0]), serveDigest)
	return nil, nil
}

func (p *peerProgram) ping(ctx context.Context, _ []string) (line, error) {
	connection, err := p.latest()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(overRelays(ctx)) // ends the pinging
	defer cancel()
	result := <-ping.Ping(ctx, p.host, connection.RemotePeer())
	if result.Error != nil {
		return nil, result.Error
	}
	return line{"rtt_us": result.RTT.Microseconds()}, nil
}

func (p *peerProgram) close(context.Context, []string) (line, error) {
	connection, err := p.latest()
	if err != nil {
		return nil, err
	}
	return nil, connection.Close()
}

func (p *peerProgram) quit(context.Context, []string) (line, error) { return nil, nil }
