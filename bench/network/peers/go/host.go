package main

import (
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// A host that speaks TCP, TLS and yamux, each as its library configures it, and nothing else.
func newHost(listen ...string) (host.Host, error) {
	addresses := libp2p.NoListenAddrs
	if len(listen) > 0 {
		addresses = libp2p.ListenAddrStrings(listen...)
	}
	return libp2p.New(
		addresses,
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		// Its limits on memory would keep yamux's windows small.
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	)
}
