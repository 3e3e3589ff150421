//! Kademlia and its commands (../README.md).

use std::collections::HashMap;

use libp2p::kad::store::MemoryStore;
use libp2p::kad::{
    self, Config, Event, GetProvidersOk, GetRecordOk, Mode, QueryId, QueryResult, Quorum, Record, RecordKey,
};
use libp2p::swarm::StreamProtocol;
use libp2p::{identify, PeerId};
use serde_json::{json, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::failure::{Failure, Result};
use crate::node::Node;

pub type Behaviour = kad::Behaviour<MemoryStore>;

/// What an argument says of it.
#[derive(Clone)]
pub struct Options {
    pub protocol: StreamProtocol,
    pub is_client: bool,
}

/// The code of SHA-256 and the length of its digests, before the digest: a multihash.
const SHA256_PREFIX: [u8; 2] = [0x12, 0x20];

pub fn make(peer: PeerId, options: Options) -> Behaviour {
    let mut behaviour = Behaviour::with_config(peer, MemoryStore::new(peer), Config::new(options.protocol));
    behaviour.set_mode(Some(if options.is_client { Mode::Client } else { Mode::Server }));
    behaviour
}

/// rust-libp2p leaves it to the program to tell Kademlia what identify told.
pub fn identified(behaviour: &mut Behaviour, peer: PeerId, info: &identify::Info) {
    if behaviour.protocol_names().iter().any(|name| info.protocols.contains(name)) {
        for address in &info.listen_addrs {
            behaviour.add_address(&peer, address.clone());
        }
    }
}

/// What has been found so far of what a command waits for.
struct Pending {
    reply: oneshot::Sender<Result<Value>>,
    providers: Vec<String>,
    wanted: PeerId,
    value: Option<String>,
}

#[derive(Default)]
pub struct Queries(HashMap<QueryId, Pending>);

impl Queries {
    fn begin(&mut self, query: QueryId, wanted: PeerId, reply: oneshot::Sender<Result<Value>>) {
        self.0.insert(query, Pending { reply, providers: Vec::new(), wanted, value: None });
    }

    pub fn take_in(&mut self, event: Event) {
        let Event::OutboundQueryProgressed { id, result, step, .. } = event else { return };
        let Some(pending) = self.0.get_mut(&id) else { return };
        let outcome = match result {
            QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })) => {
                pending.providers.extend(providers.iter().map(PeerId::to_string));
                Ok(json!({}))
            }
            QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found))) => {
                pending.value = Some(String::from_utf8_lossy(&found.record.value).into_owned());
                Ok(json!({}))
            }
            QueryResult::GetClosestPeers(Ok(closest)) => {
                match closest.peers.into_iter().find(|each| each.peer_id == pending.wanted) {
                    Some(found) => Ok(json!({ "addresses": found.addrs })),
                    None => Err(Failure::other("not found")),
                }
            }
            QueryResult::StartProviding(Err(error)) => Err(Failure::other(error)),
            QueryResult::PutRecord(Err(error)) => Err(Failure::other(error)),
            QueryResult::GetProviders(Err(error)) => Err(Failure::other(error)),
            QueryResult::GetRecord(Err(error)) if pending.value.is_none() => Err(Failure::other(error)),
            _ => Ok(json!({})),
        };
        if step.last || outcome.is_err() {
            if let Some(pending) = self.0.remove(&id) {
                drop(pending.reply.send(outcome.map(|fields| match (pending.value, pending.providers) {
                    (Some(value), _) => json!({ "value": value }),
                    (None, peers) if fields == json!({}) => json!({ "peers": peers }),
                    _ => fields,
                })));
            }
        }
    }
}

/// Begins a query and waits for its end.
async fn query(
    node: &Node,
    wanted: PeerId,
    begin: impl FnOnce(&mut Behaviour) -> Result<QueryId> + Send + 'static,
) -> Result<Value> {
    let (reply, answer) = oneshot::channel();
    node.kad(move |behaviour, queries| match begin(behaviour) {
        Ok(id) => queries.begin(id, wanted, reply),
        Err(failure) => drop(reply.send(Err(failure))),
    })?;
    answer.await?
}

fn key_of_name(words: &[&str]) -> Result<RecordKey> {
    let name = words.first().ok_or_else(|| Failure::other("no name"))?;
    Ok(RecordKey::new(&[&SHA256_PREFIX[..], &Sha256::digest(name.as_bytes())[..]].concat()))
}

pub async fn table(node: &Node) -> Result<Value> {
    let (reply, answer) = oneshot::channel();
    node.kad(move |behaviour, _| {
        let peers = behaviour.kbuckets().flat_map(|bucket| {
            bucket.iter().map(|entry| entry.node.key.preimage().to_string()).collect::<Vec<_>>()
        });
        drop(reply.send(json!({ "peers": peers.collect::<Vec<_>>() })));
    })?;
    Ok(answer.await?)
}

pub async fn find_peer(node: &Node, words: &[&str]) -> Result<Value> {
    let peer: PeerId = words.first().ok_or_else(|| Failure::other("no peer"))?.parse()?;
    query(node, peer, move |behaviour| Ok(behaviour.get_closest_peers(peer))).await
}

pub async fn provide(node: &Node, words: &[&str]) -> Result<Value> {
    let key = key_of_name(words)?;
    query(node, PeerId::random(), move |behaviour| behaviour.start_providing(key).map_err(Failure::other)).await
}

pub async fn find_providers(node: &Node, words: &[&str]) -> Result<Value> {
    let key = key_of_name(words)?;
    query(node, PeerId::random(), move |behaviour| Ok(behaviour.get_providers(key))).await
}

pub async fn put(node: &Node, words: &[&str]) -> Result<Value> {
    let [key, value] = words else { return Err(Failure::other("no key or value")) };
    let record = Record::new(key.as_bytes().to_vec(), value.as_bytes().to_vec());
    query(node, PeerId::random(), move |behaviour| {
        behaviour.put_record(record, Quorum::One).map_err(Failure::other)
    })
    .await
}

pub async fn get(node: &Node, words: &[&str]) -> Result<Value> {
    let key = RecordKey::new(words.first().ok_or_else(|| Failure::other("no key"))?);
    query(node, PeerId::random(), move |behaviour| Ok(behaviour.get_record(key))).await
}
