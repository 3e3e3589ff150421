//! The task that drives the swarm: carries out what commands ask of it, and keeps what they want to know.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{
    ConnectionId, DialError, FromSwarm, NetworkBehaviour as _, NewExternalAddrCandidate, StreamProtocol, Swarm,
    SwarmEvent,
};
use libp2p::{gossipsub, identify, mdns, rendezvous, Multiaddr, PeerId};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, Notify};

use crate::failure::{Failure, Result};
use crate::kad;
use crate::output;
use crate::pubsub;
use crate::rendezvous::Waiting;
use crate::streams::{Opener, Server};
use crate::swarm::{Behaviour, BehaviourEvent};

/// rust-libp2p tells nobody which way was taken, but has only this one.
pub const MUXER_BY: &str = "multistream";
/// An unspecified address brings one address for each interface, in events of their own.
const MORE_ADDRESSES_WAIT: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub struct Connection {
    pub id: ConnectionId,
    pub peer: PeerId,
    pub opener: Opener,
}

enum Request {
    Listen(Multiaddr, oneshot::Sender<Result<()>>),
    ListenAddresses(oneshot::Sender<Vec<Multiaddr>>),
    Dial(DialOpts, oneshot::Sender<Result<Connection>>),
    /// Answered when the connection has gone.
    Close(ConnectionId, oneshot::Sender<()>),
    Serve(StreamProtocol, Server),
    /// Without gossipsub it is dropped, and so is who waits for its outcome.
    Pubsub(Box<dyn FnOnce(&mut gossipsub::Behaviour) + Send>),
    /// The same without Kademlia.
    Kad(Box<dyn FnOnce(&mut kad::Behaviour, &mut kad::Queries) + Send>),
    /// The same without rendezvous.
    Rendezvous(Box<dyn FnOnce(&mut rendezvous::client::Behaviour, &mut Waiting) + Send>),
    /// Has it asked about by AutoNAT; nothing comes of it without.
    Probe(Multiaddr),
    /// Closes every connection; answered when all have gone.
    Stop(oneshot::Sender<()>),
}

#[derive(Default)]
struct Known {
    latest: Option<Connection>,
    identified: HashMap<PeerId, identify::Info>,
    /// What AutoNAT has told of addresses.
    reachable: HashMap<Multiaddr, bool>,
    /// Those that are open, and whether a relay carries them.
    open: HashMap<ConnectionId, (Connection, bool)>,
}

/// What commands hold of the node.
#[derive(Clone)]
pub struct Node {
    requests: mpsc::UnboundedSender<Request>,
    known: Arc<Mutex<Known>>,
    identified: Arc<Notify>,
    probed: Arc<Notify>,
}

impl Node {
    pub fn start(swarm: Swarm<Behaviour>) -> Self {
        let (requests, received) = mpsc::unbounded_channel();
        let node =
            Self { requests, known: Default::default(), identified: Default::default(), probed: Default::default() };
        let driver = Driver {
            swarm,
            node: node.clone(),
            listening: None,
            dials: HashMap::new(),
            closes: HashMap::new(),
            stop: None,
            queries: kad::Queries::default(),
            at_point: Waiting::default(),
        };
        tokio::spawn(driver.run(received));
        node
    }

    pub async fn listen(&self, address: Multiaddr) -> Result<Vec<Multiaddr>> {
        let is_unspecified = address.iter().any(|part| match part {
            Protocol::Ip4(ip) => IpAddr::from(ip).is_unspecified(),
            Protocol::Ip6(ip) => IpAddr::from(ip).is_unspecified(),
            _ => false,
        });
        self.ask(|reply| Request::Listen(address, reply)).await??;
        if is_unspecified {
            tokio::time::sleep(MORE_ADDRESSES_WAIT).await;
        }
        self.ask(Request::ListenAddresses).await
    }

    pub async fn dial(&self, address: Multiaddr) -> Result<Connection> {
        // A port of its own each time: from the listening one, the same address could be dialled but once in a while.
        let options = match address.iter().last() {
            Some(Protocol::P2p(peer)) => DialOpts::peer_id(peer)
                .condition(PeerCondition::Always)
                .addresses(vec![address])
                .allocate_new_port()
                .build(),
            _ => DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
        };
        self.ask(|reply| Request::Dial(options, reply)).await?
    }

    /// Returns when the connection has gone.
    pub async fn close(&self, connection: ConnectionId) -> Result<()> {
        self.ask(|reply| Request::Close(connection, reply)).await
    }

    pub fn serve(&self, protocol: StreamProtocol, server: Server) -> Result<()> {
        Ok(self.requests.send(Request::Serve(protocol, server))?)
    }

    /// What `call` makes of the node's gossipsub.
    pub async fn pubsub<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut gossipsub::Behaviour) -> T + Send + 'static,
    ) -> Result<T> {
        self.ask(|reply| Request::Pubsub(Box::new(move |pubsub| drop(reply.send(call(pubsub)))))).await
    }

    /// Lets `call` ask something of the node's Kademlia.
    pub fn kad(&self, call: impl FnOnce(&mut kad::Behaviour, &mut kad::Queries) + Send + 'static) -> Result<()> {
        Ok(self.requests.send(Request::Kad(Box::new(call)))?)
    }

    /// Lets `call` ask something of a rendezvous point.
    pub fn rendezvous(
        &self,
        call: impl FnOnce(&mut rendezvous::client::Behaviour, &mut Waiting) + Send + 'static,
    ) -> Result<()> {
        Ok(self.requests.send(Request::Rendezvous(Box::new(call)))?)
    }

    /// Whether a peer can dial the address.
    pub async fn probe(&self, address: Multiaddr) -> Result<bool> {
        self.requests.send(Request::Probe(address.clone()))?;
        loop {
            let next = self.probed.notified();
            if let Some(reachable) = self.known.lock().unwrap().reachable.get(&address) {
                return Ok(*reachable);
            }
            next.await;
        }
    }

    pub async fn stop(&self) -> Result<()> {
        self.ask(Request::Stop).await
    }

    /// The newest one, whoever dialled it.
    pub fn connection(&self) -> Result<Connection> {
        self.known.lock().unwrap().latest.clone().ok_or_else(|| Failure::other("not connected"))
    }

    /// Whether there are direct and relayed connections to the peer. A direct one is the newest from now on.
    pub fn paths(&self, peer: PeerId) -> (bool, bool) {
        let mut known = self.known.lock().unwrap();
        let to_peer: Vec<_> = known.open.values().filter(|(each, _)| each.peer == peer).cloned().collect();
        if let Some((direct, _)) = to_peer.iter().find(|(_, relayed)| !relayed) {
            known.latest = Some(direct.clone());
        }
        (to_peer.iter().any(|(_, relayed)| !relayed), to_peer.iter().any(|(_, relayed)| *relayed))
    }

    /// Waits for the first; gives the newest.
    pub async fn identified(&self, peer: PeerId) -> identify::Info {
        loop {
            let next = self.identified.notified();
            if let Some(info) = self.known.lock().unwrap().identified.get(&peer) {
                return info.clone();
            }
            next.await;
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply))?;
        Ok(answer.await?)
    }
}

struct Driver {
    swarm: Swarm<Behaviour>,
    node: Node,
    /// Commands come one after the other, so there is one at most.
    listening: Option<(ListenerId, oneshot::Sender<Result<()>>)>,
    dials: HashMap<ConnectionId, oneshot::Sender<Result<Connection>>>,
    closes: HashMap<ConnectionId, oneshot::Sender<()>>,
    stop: Option<oneshot::Sender<()>>,
    queries: kad::Queries,
    at_point: Waiting,
}

impl Driver {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        loop {
            tokio::select! {
                Some(request) = requests.recv() => self.carry_out(request),
                event = self.swarm.select_next_some() => self.take_in(event),
            }
        }
    }

    // Whoever asked may have gone, in which case a reply is dropped.
    fn carry_out(&mut self, request: Request) {
        match request {
            Request::Listen(address, reply) => match self.swarm.listen_on(address) {
                Ok(listener) => self.listening = Some((listener, reply)),
                Err(error) => drop(reply.send(Err(error.into()))),
            },
            Request::ListenAddresses(reply) => {
                let peer = *self.swarm.local_peer_id();
                drop(reply.send(self.swarm.listeners().map(|each| each.clone().with(Protocol::P2p(peer))).collect()));
            }
            Request::Dial(options, reply) => {
                let connection = options.connection_id();
                match self.swarm.dial(options) {
                    Ok(()) => drop(self.dials.insert(connection, reply)),
                    Err(error) => drop(reply.send(Err(dial_failure(error)))),
                }
            }
            Request::Close(connection, reply) => {
                if self.swarm.close_connection(connection) {
                    self.closes.insert(connection, reply);
                } else {
                    let _ = reply.send(());
                }
            }
            Request::Serve(protocol, server) => self.swarm.behaviour_mut().streams.serve(protocol, server),
            Request::Pubsub(call) => {
                if let Some(pubsub) = self.swarm.behaviour_mut().pubsub.as_mut() {
                    call(pubsub);
                }
            }
            Request::Kad(call) => {
                if let Some(kad) = self.swarm.behaviour_mut().kad.as_mut() {
                    call(kad, &mut self.queries);
                }
            }
            Request::Rendezvous(call) => {
                if let Some(client) = self.swarm.behaviour_mut().rendezvous.as_mut() {
                    call(client, &mut self.at_point);
                }
            }
            Request::Probe(address) => {
                let candidate = NewExternalAddrCandidate { addr: &address };
                self.swarm.behaviour_mut().autonat.on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
            }
            Request::Stop(reply) => {
                self.stop = Some(reply);
                for peer in self.swarm.connected_peers().copied().collect::<Vec<_>>() {
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
                self.end_stop();
            }
        }
    }

    fn take_in(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                // A relay tells those who reserve of these, and who registers tells the point.
                let behaviour = self.swarm.behaviour();
                if behaviour.relay.is_enabled() || behaviour.rendezvous.is_enabled() {
                    self.swarm.add_external_address(address);
                }
                self.end_listen(listener_id, Ok(()));
            }
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. } => {
                self.end_listen(listener_id, Err(error.into()));
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.connected(connection_id, peer_id, endpoint.is_listener(), endpoint.is_relayed());
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => self.disconnected(connection_id, peer_id),
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(reply) = self.dials.remove(&connection_id) {
                    drop(reply.send(Err(dial_failure(error))));
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                if let Some(kad) = self.swarm.behaviour_mut().kad.as_mut() {
                    kad::identified(kad, peer_id, &info);
                }
                self.node.known.lock().unwrap().identified.insert(peer_id, info);
                self.node.identified.notify_waiters();
            }
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => report_found(found),
            SwarmEvent::Behaviour(BehaviourEvent::Pubsub(event)) => pubsub::report(event),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(event)) => self.queries.take_in(event),
            SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(event)) => self.at_point.take_in(event),
            SwarmEvent::Behaviour(BehaviourEvent::Autonat(event)) => {
                self.node.known.lock().unwrap().reachable.insert(event.tested_addr, event.result.is_ok());
                self.node.probed.notify_waiters();
            }
            _ => {}
        }
    }

    fn end_listen(&mut self, listener: ListenerId, outcome: Result<()>) {
        if let Some((_, reply)) = self.listening.take_if(|(waited_for, _)| *waited_for == listener) {
            drop(reply.send(outcome));
        }
    }

    fn connected(&mut self, id: ConnectionId, peer: PeerId, inbound: bool, relayed: bool) {
        let Some(opener) = self.swarm.behaviour().streams.opener(id) else { return };
        let connection = Connection { id, peer, opener };
        let mut known = self.node.known.lock().unwrap();
        known.latest = Some(connection.clone());
        known.open.insert(id, (connection.clone(), relayed));
        drop(known);
        // Not before: the next command may come as soon as the event is out.
        output::event("connected", json!({ "peer": peer.to_string(), "inbound": inbound, "muxer_by": MUXER_BY }));
        if let Some(reply) = self.dials.remove(&id) {
            drop(reply.send(Ok(connection)));
        }
    }

    fn disconnected(&mut self, id: ConnectionId, peer: PeerId) {
        let mut known = self.node.known.lock().unwrap();
        known.latest.take_if(|latest| latest.id == id);
        known.open.remove(&id);
        if !self.swarm.is_connected(&peer) {
            known.identified.remove(&peer);
        }
        drop(known);
        output::event("disconnected", json!({ "peer": peer.to_string() }));
        if let Some(reply) = self.closes.remove(&id) {
            let _ = reply.send(());
        }
        self.end_stop();
    }

    fn end_stop(&mut self) {
        if self.swarm.connected_peers().next().is_none() {
            self.stop.take().map(|reply| reply.send(()));
        }
    }
}

fn dial_failure(error: DialError) -> Failure {
    match error {
        DialError::WrongPeerId { .. } => Failure::new("peer_id_mismatch", error),
        _ => Failure::other(error),
    }
}

fn report_found(found: Vec<(PeerId, Multiaddr)>) {
    let mut peers: HashMap<PeerId, Vec<String>> = HashMap::new();
    for (peer, address) in found {
        peers.entry(peer).or_default().push(address.to_string());
    }
    for (peer, addresses) in peers {
        output::event("found", json!({ "peer": peer.to_string(), "addresses": addresses }));
    }
}
