//! Relays, hole punching, and AutoNAT v2 (../README.md).

use std::time::Duration;

use libp2p::multiaddr::Protocol;
use libp2p::{autonat, relay, Multiaddr, PeerId};
use serde_json::{json, Value};

use crate::arguments::RelayServer;
use crate::failure::{Failure, Result};
use crate::node::Node;

const RESERVE_TIMEOUT: Duration = Duration::from_secs(20);
const PROBE_TIMEOUT: Duration = Duration::from_secs(40);
/// How soon a command's address is asked about.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

pub fn server(peer: PeerId, server: RelayServer) -> relay::Behaviour {
    let mut config = relay::Config::default();
    if server == RelayServer::Unlimited {
        config.max_circuit_bytes = 0;
        config.max_circuit_duration = Duration::from_secs(0);
    }
    relay::Behaviour::new(peer, config)
}

pub fn autonat_client() -> autonat::v2::client::Behaviour {
    let config = autonat::v2::client::Config::default().with_probe_interval(PROBE_INTERVAL);
    autonat::v2::client::Behaviour::new(rand::make_rng(), config)
}

/// Listens at the relay, which is to have a reservation there.
pub async fn reserve(node: &Node, words: &[&str]) -> Result<Value> {
    let relay: Multiaddr = words.first().ok_or_else(|| Failure::other("no relay"))?.parse()?;
    let listening = node.listen(relay.with(Protocol::P2pCircuit));
    let addresses = tokio::time::timeout(RESERVE_TIMEOUT, listening).await??;
    let relayed: Vec<_> =
        addresses.iter().filter(|each| each.iter().any(|part| part == Protocol::P2pCircuit)).collect();
    Ok(json!({ "addresses": relayed }))
}

pub async fn probe(node: &Node, words: &[&str]) -> Result<Value> {
    let address: Multiaddr = words.first().ok_or_else(|| Failure::other("no address"))?.parse()?;
    let reachable = tokio::time::timeout(PROBE_TIMEOUT, node.probe(address)).await??;
    Ok(json!({ "reachable": reachable }))
}

pub fn path(node: &Node, words: &[&str]) -> Result<Value> {
    let peer: PeerId = words.first().ok_or_else(|| Failure::other("no peer"))?.parse()?;
    let (direct, relayed) = node.paths(peer);
    // rust-libp2p does not tell of limits.
    Ok(json!({ "direct": direct, "relayed": relayed }))
}
