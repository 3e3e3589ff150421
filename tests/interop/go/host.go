package main

import (
	"crypto/rand"
	"fmt"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

const rsaBits = 2048

// A host that speaks TCP, TLS or noise or both, and yamux, and nothing else.
func newHost(keyType, muxer, securityName, networkKey string, reach reachOptions) (host.Host, error) {
	key, err := newKey(keyType)
	if err != nil {
		return nil, err
	}
	security, err := newSecurity(muxer, securityName)
	if err != nil {
		return nil, err
	}
	private, err := privateNetwork(networkKey)
	if err != nil {
		return nil, err
	}
	return libp2p.New(
		private,
		libp2p.Identity(key),
		libp2p.Transport(tcp.NewTCPTransport),
		security,
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.NoListenAddrs,
		// Nothing that limits what a case may do: the resource manager's defaults are fewer streams and less memory than
		// some cases take, and the connection manager would trim connections.
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.ConnectionManager(connmgr.NullConnMgr{}),
		// Nothing that talks to peers without being told to.
		reach.options(),
		reach.addressDiscovery(),
		libp2p.DisableMetrics(),
	)
}

func newKey(keyType string) (crypto.PrivKey, error) {
	types := map[string]int{
		"ed25519": crypto.Ed25519, "secp256k1": crypto.Secp256k1, "ecdsa": crypto.ECDSA, "rsa": crypto.RSA,
	}
	number, ok := types[keyType]
	if !ok {
		return nil, fmt.Errorf("no host key of type %q", keyType)
	}
	key, _, err := crypto.GenerateKeyPairWithReader(number, rsaBits, rand.Reader)
	return key, err
}

func newSecurity(muxer, name string) (libp2p.Option, error) {
	var withTls, withNoise libp2p.Option
	switch muxer {
	case "handshake":
		withTls = libp2p.Security(libp2ptls.ID, libp2ptls.New)
		withNoise = libp2p.Security(noise.ID, noise.New)
	case "multistream":
		// What knows no muxer offers none in its handshake.
		withTls = libp2p.Security(libp2ptls.ID, func(id protocol.ID, key crypto.PrivKey) (*libp2ptls.Transport, error) {
			return libp2ptls.New(id, key, nil)
		})
		withNoise = libp2p.Security(noise.ID, func(id protocol.ID, key crypto.PrivKey) (*noise.Transport, error) {
			return noise.New(id, key, nil)
		})
	default:
		return nil, fmt.Errorf("no way %q to agree on the muxer", muxer)
	}
	switch name {
	case "tls":
		return withTls, nil
	case "noise":
		return withNoise, nil
	case "both":
		return libp2p.ChainOptions(withTls, withNoise), nil
	}
	return nil, fmt.Errorf("no security protocol %q", name)
}
