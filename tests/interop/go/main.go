// The go-libp2p peer of the interop tests. What it is told and what it answers: ../README.md.
package main

import (
	"bufio"
	"flag"
	"os"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

func main() {
	key := flag.String("key", "ed25519", "type of the host key: ed25519, secp256k1, ecdsa or rsa")
	muxer := flag.String("muxer", "handshake", "where the muxer is agreed on: handshake or multistream")
	security := flag.String("security", "both", "what secures connections: tls, noise or both")
	useMdns := flag.Bool("mdns", false, "find peers by mDNS, and be found")
	usePubsub := flag.Bool("pubsub", false, "speak gossipsub")
	networkKey := flag.String("network-key", "", "64 hex digits: the key of a private network")
	kadProtocol := flag.String("kad", "", "speak Kademlia under this name")
	kadClient := flag.Bool("kad-client", false, "as a client of it")
	reach := reachOptions{}
	flag.BoolVar(&reach.relay, "relay", false, "use relays")
	flag.StringVar(&reach.server, "relay-server", "", "be a relay: limited or unlimited")
	flag.BoolVar(&reach.punch, "punch", false, "turn relayed connections into direct ones")
	useAutonat := flag.Bool("autonat", false, "ask for AutoNAT v2, and serve it")
	useRendezvous := flag.Bool("rendezvous", false, "")
	flag.Parse()
	if *useRendezvous {
		printLine(line{"event": "unsupported", "message": "go-libp2p has no rendezvous"})
		return
	}

	h, err := newHost(*key, *muxer, *security, *networkKey, reach)
	if err != nil {
		printLine(line{"event": "unsupported", "message": err.Error()})
		return
	}
	if err := reach.serve(h); err != nil {
		panic(err)
	}
	p := newPeer(h)
	if *useAutonat {
		if p.autonat, err = newAutonat(h); err != nil {
			panic(err)
		}
	}
	if *useMdns {
		p.mdns = mdns.NewMdnsService(h, "", found{})
	}
	if *usePubsub {
		if p.pubsub, err = newPubsub(h); err != nil {
			panic(err)
		}
	}
	if *kadProtocol != "" {
		if p.kad, err = newKad(h, *kadProtocol, *kadClient); err != nil {
			panic(err)
		}
	}
	printLine(line{"event": "ready", "implementation": "go-libp2p " + version(), "peer": h.ID().String()})
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		if len(words) == 0 {
			continue
		}
		p.execute(words[0], words[1:])
		if words[0] == "quit" {
			break
		}
	}
	if p.mdns != nil {
		p.mdns.Close()
	}
	if p.kad != nil {
		p.kad.Close()
	}
	h.Close()
}

// What mDNS tells.
type found struct{}

func (found) HandlePeerFound(info peer.AddrInfo) {
	printLine(line{"event": "found", "peer": info.ID.String(), "addresses": texts(info.Addrs)})
}
