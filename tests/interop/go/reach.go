package main

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

const reserveTimeout = 20 * time.Second

// What the host is asked to do about relays.
type reachOptions struct {
	relay  bool
	server string // "limited", "unlimited", or nothing
	punch  bool
}

func (o reachOptions) options() libp2p.Option {
	if !o.relay {
		return libp2p.DisableRelay()
	}
	if o.punch {
		return libp2p.ChainOptions(libp2p.EnableRelay(), libp2p.EnableHolePunching())
	}
	return libp2p.EnableRelay()
}

// Where others see us is wanted for hole punching alone; it is told to peers otherwise.
func (o reachOptions) addressDiscovery() libp2p.Option {
	if o.punch {
		return libp2p.ChainOptions()
	}
	return libp2p.DisableIdentifyAddressDiscovery()
}

func (o reachOptions) serve(h host.Host) error {
	switch o.server {
	case "":
		return nil
	case "limited":
		_, err := relay.New(h)
		return err
	case "unlimited":
		_, err := relay.New(h, relay.WithInfiniteLimits())
		return err
	}
	return fmt.Errorf("no relay %q", o.server)
}

func (p *peerProgram) reserve(ctx context.Context, arguments []string) (line, error) {
	info, err := peer.AddrInfoFromString(arguments[0])
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, reserveTimeout)
	defer cancel()
	reservation, err := client.Reserve(ctx, p.host, *info)
	if err != nil {
		return nil, err
	}
	addresses := []string{}
	for _, each := range reservation.Addrs {
		addresses = append(addresses, each.String())
	}
	if len(addresses) == 0 {
		// A relay of go's names only public addresses.
		addresses = append(addresses, arguments[0])
	}
	for i, each := range addresses {
		addresses[i] = fmt.Sprintf("%s/p2p-circuit/p2p/%s", each, p.host.ID())
	}
	return line{"addresses": addresses}, nil
}

func (p *peerProgram) path(_ context.Context, arguments []string) (line, error) {
	id, err := peer.Decode(arguments[0])
	if err != nil {
		return nil, err
	}
	direct, relayed, limited := false, false, false
	for _, each := range p.host.Network().ConnsToPeer(id) {
		if _, err := each.RemoteMultiaddr().ValueForProtocol(ma.P_CIRCUIT); err == nil {
			relayed = true
		} else {
			direct = true
			p.lock.Lock()
			p.connection = each
			p.lock.Unlock()
		}
		limited = limited || each.Stat().Limited
	}
	return line{"direct": direct, "relayed": relayed, "limited": limited}, nil
}

// Streams of the tests may go over relays too.
func overRelays(ctx context.Context) context.Context {
	return network.WithAllowLimitedConn(ctx, "the test says so")
}
