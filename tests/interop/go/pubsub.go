package main

import (
	"context"
	"errors"
	"sync"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
)

// Gossipsub and the topics that have been used.
type pubsubProgram struct {
	pubsub *pubsub.PubSub

	lock          sync.Mutex
	topics        map[string]*pubsub.Topic
	subscriptions map[string]*pubsub.Subscription
}

// Author and number, as the specification has it and go-libp2p by default; here to be seen.
func messageId(message *pb.Message) string {
	return string(message.GetFrom()) + string(message.GetSeqno())
}

func newPubsub(h host.Host) (*pubsubProgram, error) {
	made, err := pubsub.NewGossipSub(context.Background(), h,
		pubsub.WithMessageIdFn(messageId), pubsub.WithMessageSignaturePolicy(pubsub.StrictSign))
	if err != nil {
		return nil, err
	}
	return &pubsubProgram{
		pubsub: made, topics: map[string]*pubsub.Topic{}, subscriptions: map[string]*pubsub.Subscription{},
	}, nil
}

func (p *peerProgram) topic(name string) (*pubsub.Topic, error) {
	if p.pubsub == nil {
		return nil, errors.New("started without --pubsub")
	}
	p.pubsub.lock.Lock()
	defer p.pubsub.lock.Unlock()
	if topic, ok := p.pubsub.topics[name]; ok {
		return topic, nil
	}
	topic, err := p.pubsub.pubsub.Join(name)
	if err == nil {
		p.pubsub.topics[name] = topic
	}
	return topic, err
}

func (p *peerProgram) subscribe(_ context.Context, arguments []string) (line, error) {
	topic, err := p.topic(arguments[0])
	if err != nil {
		return nil, err
	}
	subscription, err := topic.Subscribe()
	if err != nil {
		return nil, err
	}
	p.pubsub.subscriptions[arguments[0]] = subscription
	go func() {
		for {
			message, err := subscription.Next(context.Background())
			if err != nil {
				return
			}
			if from := message.GetFrom(); from != p.host.ID() {
				printLine(line{
					"event": "message", "topic": message.GetTopic(), "from": from.String(), "data": string(message.GetData()),
				})
			}
		}
	}()
	return nil, nil
}

func (p *peerProgram) unsubscribe(_ context.Context, arguments []string) (line, error) {
	if p.pubsub == nil || p.pubsub.subscriptions[arguments[0]] == nil {
		return nil, errors.New("not subscribed")
	}
	p.pubsub.subscriptions[arguments[0]].Cancel()
	delete(p.pubsub.subscriptions, arguments[0])
	return nil, nil
}

func (p *peerProgram) publish(ctx context.Context, arguments []string) (line, error) {
	topic, err := p.topic(arguments[0])
	if err != nil {
		return nil, err
	}
	return nil, topic.Publish(ctx, []byte(arguments[1]))
}

func (p *peerProgram) topicPeers(_ context.Context, arguments []string) (line, error) {
	if p.pubsub == nil {
		return nil, errors.New("started without --pubsub")
	}
	peers := []string{}
	for _, each := range p.pubsub.pubsub.ListPeers(arguments[0]) {
		peers = append(peers, each.String())
	}
	return line{"peers": peers}, nil
}
