//! Relays and hole punching (../README.md).

use std::time::Duration;

use libp2p::multiaddr::Protocol;
use libp2p::{relay, Multiaddr, PeerId};
use serde_json::{json, Value};

use crate::arguments::RelayServer;
use crate::failure::{Failure, Result};
use crate::node::Node;

const RESERVE_TIMEOUT: Duration = Duration::from_secs(20);

pub fn server(peer: PeerId, server: RelayServer) -> relay::Behaviour {
    let mut config = relay::Config::default();
    if server == RelayServer::Unlimited {
        config.max_circuit_bytes = 0;
        config.max_circuit_duration = Duration::from_secs(0);
    }
    relay::Behaviour::new(peer, config)
}

/// Listens at the relay, which is to have a reservation there.
pub async fn reserve(node: &Node, words: &[&str]) -> Result<Value> {
    let relay: Multiaddr = words.first().ok_or_else(|| Failure::other("no relay"))?.parse()?;
    let listening = node.listen(relay.with(Protocol::P2pCircuit));
    let addresses = tokio::time::timeout(RESERVE_TIMEOUT, listening).await??;
    let relayed: Vec<_> = addresses.iter().filter(|each| each.iter().any(|part| part == Protocol::P2pCircuit)).collect();
    Ok(json!({ "addresses": relayed }))
}

pub fn path(node: &Node, words: &[&str]) -> Result<Value> {
    let peer: PeerId = words.first().ok_or_else(|| Failure::other("no peer"))?.parse()?;
    let (direct, relayed) = node.paths(peer);
    // rust-libp2p does not tell of limits.
    Ok(json!({ "direct": direct, "relayed": relayed }))
}
