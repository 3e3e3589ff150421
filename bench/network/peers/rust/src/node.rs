//! A rust-libp2p node that speaks TCP, TLS and yamux, each as its library configures it, and nothing else.

use std::time::Duration;

use futures::StreamExt as _;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::SwarmEvent;
use libp2p::{tcp, tls, yamux, Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder};
use libp2p_stream::{Behaviour, Control, IncomingStreams};
use tokio::sync::{mpsc, oneshot};

use crate::Result;

const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

type Dial = (Multiaddr, oneshot::Sender<Result<PeerId>>);

pub struct Node {
    control: Control,
    dials: mpsc::UnboundedSender<Dial>,
    listening: tokio::sync::watch::Receiver<Option<Multiaddr>>,
    remote: std::sync::OnceLock<PeerId>,
}

impl Node {
    pub fn start(listens: bool) -> Result<Self> {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), tls::Config::new, yamux::Config::default)?
            .with_behaviour(|_| Behaviour::new())?
            .with_swarm_config(|config| config.with_idle_connection_timeout(NEVER))
            .build();
        let control = swarm.behaviour().new_control();
        if listens {
            swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
        }
        let (dials, dialled) = mpsc::unbounded_channel();
        let (heard, listening) = tokio::sync::watch::channel(None);
        tokio::spawn(drive(swarm, dialled, heard));
        Ok(Self { control, dials, listening, remote: std::sync::OnceLock::new() })
    }

    pub fn incoming(&self, protocol: StreamProtocol) -> Result<IncomingStreams> {
        Ok(self.control.clone().accept(protocol)?)
    }

    pub async fn listen_address(&self) -> Result<Multiaddr> {
        let mut listening = self.listening.clone();
        let address = listening.wait_for(Option::is_some).await?;
        Ok(address.clone().expect("waited for"))
    }

    pub async fn connect(&self, address: Multiaddr) -> Result<()> {
        let (tell, told) = oneshot::channel();
        self.dials.send((address, tell))?;
        self.remote.set(told.await??).map_err(|_| "connected already")?;
        Ok(())
    }

    pub async fn open(&self, protocol: StreamProtocol) -> Result<Stream> {
        let remote = *self.remote.get().ok_or("not connected")?;
        Ok(self.control.clone().open_stream(remote, protocol).await?)
    }
}

async fn drive(
    mut swarm: Swarm<Behaviour>,
    mut dialled: mpsc::UnboundedReceiver<Dial>,
    heard: tokio::sync::watch::Sender<Option<Multiaddr>>,
) {
    let mut waiting: Option<oneshot::Sender<Result<PeerId>>> = None;
    loop {
        tokio::select! {
            event = swarm.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => {
                    let _ = heard.send(Some(address.with(Protocol::P2p(*swarm.local_peer_id()))));
                }
                SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                    if let Some(tell) = waiting.take() {
                        let _ = tell.send(Ok(peer_id));
                    }
                }
                SwarmEvent::OutgoingConnectionError { error, .. } => {
                    if let Some(tell) = waiting.take() {
                        let _ = tell.send(Err(error.into()));
                    }
                }
                _ => {}
            },
            Some((address, tell)) = dialled.recv(), if waiting.is_none() => {
                match swarm.dial(DialOpts::from(address)) {
                    Ok(()) => waiting = Some(tell),
                    Err(error) => { let _ = tell.send(Err(error.into())); }
                }
            }
        }
    }
}
