package main

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	probeTimeout = 40 * time.Second
	probePoll    = 200 * time.Millisecond
)

// Serves AutoNAT v2, and asks for it; dials come from a host of their own.
func newAutonat(h host.Host) (*autonatv2.AutoNAT, error) {
	dialler, err := libp2p.New(
		libp2p.NoListenAddrs,
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.DisableMetrics(),
	)
	if err != nil {
		return nil, err
	}
	made, err := autonatv2.New(dialler)
	if err != nil {
		return nil, err
	}
	return made, made.Start(h)
}

func (p *peerProgram) probe(ctx context.Context, arguments []string) (line, error) {
	if p.autonat == nil {
		return nil, errors.New("started without --autonat")
	}
	address, err := ma.NewMultiaddr(arguments[0])
	if err != nil {
		return nil, err
	}
	requests := []autonatv2.Request{{Addr: address, SendDialData: true}}
	for deadline := time.Now().Add(probeTimeout); ; time.Sleep(probePoll) {
		result, err := p.autonat.GetReachability(ctx, requests)
		// Who serves is known once identify is through.
		if errors.Is(err, autonatv2.ErrNoPeers) && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return line{"reachable": result.Reachability == network.ReachabilityPublic}, nil
	}
}
