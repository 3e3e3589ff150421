//! Gossipsub and its commands (../README.md).

use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, Event, IdentTopic, Message, MessageAuthenticity, MessageId, ValidationMode,
};
use libp2p::identity::Keypair;
use serde_json::{json, Value};

use crate::failure::{Failure, Result};
use crate::node::Node;
use crate::output;

pub fn make(key: &Keypair) -> Result<Behaviour> {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .message_id_fn(message_id)
        .build()
        .map_err(Failure::other)?;
    Behaviour::new(MessageAuthenticity::Signed(key.clone()), config).map_err(Failure::other)
}

/// Author and number, as the specification has it; rust-libp2p's own is another text of them.
fn message_id(message: &Message) -> MessageId {
    let mut id = message.source.map(|peer| peer.to_bytes()).unwrap_or_default();
    id.extend(message.sequence_number.unwrap_or_default().to_be_bytes());
    MessageId::from(id)
}

pub fn report(event: Event) {
    let Event::Message { message, .. } = event else { return };
    let fields = json!({
        "topic": message.topic.as_str(),
        "from": message.source.map(|peer| peer.to_string()),
        "data": String::from_utf8_lossy(&message.data),
    });
    output::event("message", fields);
}

pub async fn subscribe(node: &Node, words: &[&str]) -> Result<Value> {
    let topic = topic(words)?;
    node.pubsub(move |pubsub| pubsub.subscribe(&topic).map_err(Failure::from)).await??;
    Ok(json!({}))
}

pub async fn unsubscribe(node: &Node, words: &[&str]) -> Result<Value> {
    let topic = topic(words)?;
    node.pubsub(move |pubsub| pubsub.unsubscribe(&topic)).await?;
    Ok(json!({}))
}

pub async fn publish(node: &Node, words: &[&str]) -> Result<Value> {
    let topic = topic(words)?;
    let data = words.get(1).ok_or_else(|| Failure::other("no data"))?.as_bytes().to_vec();
    node.pubsub(move |pubsub| pubsub.publish(topic, data).map_err(Failure::from)).await??;
    Ok(json!({}))
}

pub async fn topic_peers(node: &Node, words: &[&str]) -> Result<Value> {
    let hash = topic(words)?.hash();
    let peers = node.pubsub(move |pubsub| {
        let in_topic = pubsub.all_peers().filter(|(_, topics)| topics.contains(&&hash));
        in_topic.map(|(peer, _)| peer.to_string()).collect::<Vec<_>>()
    });
    Ok(json!({ "peers": peers.await? }))
}

fn topic(words: &[&str]) -> Result<IdentTopic> {
    Ok(IdentTopic::new(*words.first().ok_or_else(|| Failure::other("no topic"))?))
}
