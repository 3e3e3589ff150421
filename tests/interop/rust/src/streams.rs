//! Streams by hand: opened on a connection when asked for, and served by a task of their own when they come in.
//!
//! The crate libp2p-stream does nearly this, but drops streams that come in faster than they are taken, and cannot be
//! told on which of a peer's connections to open one.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{ready, Future, Ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::StreamExt as _;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::core::Endpoint;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionClosed, ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, Stream, StreamProtocol, StreamUpgradeError, SubstreamProtocol, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use crate::failure::{Failure, Result};

type Served = Pin<Box<dyn Future<Output = ()> + Send>>;
pub type Server = Arc<dyn Fn(StreamProtocol, Stream) -> Served + Send + Sync>;
type Servers = Arc<Mutex<HashMap<StreamProtocol, Server>>>;

enum Request {
    Open(StreamProtocol, oneshot::Sender<Result<Stream>>),
    /// Wakes the connection, so that it looks which protocols are served.
    ProtocolsChanged,
}

/// Opens streams on one connection.
#[derive(Clone)]
pub struct Opener(mpsc::UnboundedSender<Request>);

impl Opener {
    pub async fn open(&self, protocol: &'static str) -> Result<Stream> {
        let (sender, receiver) = oneshot::channel();
        self.0.unbounded_send(Request::Open(StreamProtocol::new(protocol), sender))?;
        receiver.await?
    }
}

#[derive(Default)]
pub struct Behaviour {
    servers: Servers,
    openers: HashMap<ConnectionId, Opener>,
}

impl Behaviour {
    pub fn serve(&mut self, protocol: StreamProtocol, server: Server) {
        self.servers.lock().unwrap().insert(protocol, server);
        for opener in self.openers.values() {
            // A connection that has gone needs no word of it.
            let _ = opener.0.unbounded_send(Request::ProtocolsChanged);
        }
    }

    /// Nothing if the connection has gone.
    pub fn opener(&self, connection: ConnectionId) -> Option<Opener> {
        self.openers.get(&connection).cloned()
    }

    fn make_handler(&mut self, connection: ConnectionId) -> Handler {
        let (sender, requests) = mpsc::unbounded();
        self.openers.insert(connection, Opener(sender));
        Handler { servers: self.servers.clone(), requests }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> std::result::Result<Handler, ConnectionDenied> {
        Ok(self.make_handler(connection))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> std::result::Result<Handler, ConnectionDenied> {
        Ok(self.make_handler(connection))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) = event {
            self.openers.remove(&connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: Infallible) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, Infallible>> {
        Poll::Pending
    }
}

pub struct Handler {
    servers: Servers,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = AnyOf;
    type OutboundProtocol = AnyOf;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = oneshot::Sender<Result<Stream>>;

    fn listen_protocol(&self) -> SubstreamProtocol<AnyOf> {
        SubstreamProtocol::new(AnyOf(self.servers.lock().unwrap().keys().cloned().collect()), ())
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<AnyOf, Self::OutboundOpenInfo, Infallible>> {
        while let Poll::Ready(Some(request)) = self.requests.poll_next_unpin(context) {
            if let Request::Open(protocol, reply) = request {
                let protocol = SubstreamProtocol::new(AnyOf(vec![protocol]), reply);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<AnyOf, AnyOf, (), Self::OutboundOpenInfo>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (protocol, stream), ..
            }) => {
                let server = self.servers.lock().unwrap().get(&protocol).cloned();
                if let Some(server) = server {
                    tokio::spawn(server(protocol, stream));
                }
            }
            // Whoever no longer waits for the stream has dropped the receiver: the stream is then reset.
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (_, stream),
                info: reply,
            }) => {
                let _ = reply.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: reply, error }) => {
                let _ = reply.send(Err(match error {
                    StreamUpgradeError::NegotiationFailed => Failure::new("protocol_not_supported", error),
                    _ => Failure::other(error),
                }));
            }
            _ => {}
        }
    }
}

/// Negotiates one of these protocols; the stream is the outcome.
pub struct AnyOf(Vec<StreamProtocol>);

impl UpgradeInfo for AnyOf {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for AnyOf {
    type Output = (StreamProtocol, Stream);
    type Error = Infallible;
    type Future = Ready<std::result::Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}

impl OutboundUpgrade<Stream> for AnyOf {
    type Output = (StreamProtocol, Stream);
    type Error = Infallible;
    type Future = Ready<std::result::Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}
