package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	mh "github.com/multiformats/go-multihash"
)

// What go-libp2p-kad-dht puts behind the prefix that it is given.
const kadSuffix = "/kad/1.0.0"

const ipfsPrefix = "/ipfs"

// Takes any value.
type anyValue struct{}

func (anyValue) Validate(string, []byte) error        { return nil }
func (anyValue) Select(string, [][]byte) (int, error) { return 0, nil }

func newKad(h host.Host, id string, isClient bool) (*dht.IpfsDHT, error) {
	prefix, ok := strings.CutSuffix(id, kadSuffix)
	if !ok {
		return nil, errors.New("go's protocol ends in " + kadSuffix)
	}
	mode := dht.ModeServer
	if isClient {
		mode = dht.ModeClient
	}
	options := []dht.Option{dht.ProtocolPrefix(protocol.ID(prefix)), dht.Mode(mode)}
	// In IPFS's own network go insists on the namespaces that are used there.
	if prefix != ipfsPrefix {
		options = append(options, dht.Validator(record.NamespacedValidator{"v": anyValue{}}))
	}
	return dht.New(h, options...)
}

func (p *peerProgram) needKad() (*dht.IpfsDHT, error) {
	if p.kad == nil {
		return nil, errors.New("started without --kad")
	}
	return p.kad, nil
}

// What is provided and looked for under a name.
func cidOfName(name string) (cid.Cid, error) {
	hash, err := mh.Sum([]byte(name), mh.SHA2_256, -1)
	return cid.NewCidV1(cid.Raw, hash), err
}

func (p *peerProgram) kadTable(context.Context, []string) (line, error) {
	kad, err := p.needKad()
	if err != nil {
		return nil, err
	}
	peers := []string{}
	for _, each := range kad.RoutingTable().ListPeers() {
		peers = append(peers, each.String())
	}
	return line{"peers": peers}, nil
}

func (p *peerProgram) kadFindPeer(ctx context.Context, arguments []string) (line, error) {
	kad, err := p.needKad()
	if err != nil {
		return nil, err
	}
	id, err := peer.Decode(arguments[0])
	if err != nil {
		return nil, err
	}
	info, err := kad.FindPeer(ctx, id)
	if err != nil {
		return nil, err
	}
	return line{"addresses": texts(info.Addrs)}, nil
}

func (p *peerProgram) kadProvide(ctx context.Context, arguments []string) (line, error) {
	kad, err := p.needKad()
	if err != nil {
		return nil, err
	}
	id, err := cidOfName(arguments[0])
	if err != nil {
		return nil, err
	}
	return nil, kad.Provide(ctx, id, true)
}

func (p *peerProgram) kadFindProviders(ctx context.Context, arguments []string) (line, error) {
	kad, err := p.needKad()
	if err != nil {
		return nil, err
	}
	id, err := cidOfName(arguments[0])
	if err != nil {
		return nil, err
	}
	count, err := strconv.Atoi(arguments[1])
	if err != nil {
		return nil, err
	}
	peers := []string{}
	for each := range kad.FindProvidersAsync(ctx, id, count) {
		peers = append(peers, each.ID.String())
	}
	return line{"peers": peers}, nil
}

func (p *peerProgram) kadPut(ctx context.Context, arguments []string) (line, error) {
	kad, err := p.needKad()
	if err != nil {
		return nil, err
	}
	return nil, kad.PutValue(ctx, arguments[0], []byte(arguments[1]))
}

func (p *peerProgram) kadGet(ctx context.Context, arguments []string) (line, error) {
	kad, err := p.needKad()
	if err != nil {
		return nil, err
	}
	value, err := kad.GetValue(ctx, arguments[0])
	if err != nil {
		return nil, err
	}
	return line{"value": string(value)}, nil
}
