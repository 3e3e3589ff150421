package main

import (
	"strings"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/pnet"
)

// The key is read as the file of one is; no option without a key.
func privateNetwork(hex string) (libp2p.Option, error) {
	if hex == "" {
		return libp2p.ChainOptions(), nil
	}
	key, err := pnet.DecodeV1PSK(strings.NewReader("/key/swarm/psk/1.0.0/\n/base16/\n" + hex + "\n"))
	return libp2p.PrivateNetwork(key), err
}
