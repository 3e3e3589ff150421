//! The rust-libp2p node: what it is made of, and its limits.

use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{NetworkBehaviour, Swarm};
use libp2p::{
    autonat, dcutr, gossipsub, identify, mdns, noise, ping, relay, rendezvous, tcp, tls, yamux, SwarmBuilder,
};

use crate::arguments::{Arguments, Reach, Security};
use crate::failure::{Failure, Result};
use crate::{kad, pnet, pubsub, reach, streams};

/// Above what any test opens at once; yamux wants 256 KiB of its 1 GiB window for each.
const STREAMS_MAX: usize = 4096;
/// Below the 10 s in which rust-libp2p's AutoNAT server must have answered: it says nothing of a dial that takes longer.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Nothing is to happen but what a command asks for.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub identify: identify::Behaviour,
    ping: ping::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
    pub pubsub: Toggle<gossipsub::Behaviour>,
    pub kad: Toggle<kad::Behaviour>,
    pub streams: streams::Behaviour,
    /// Serves nobody who is not told of a relay.
    relay_client: relay::client::Behaviour,
    pub relay: Toggle<relay::Behaviour>,
    dcutr: Toggle<dcutr::Behaviour>,
    pub autonat: Toggle<autonat::v2::client::Behaviour>,
    autonat_server: Toggle<autonat::v2::server::Behaviour>,
    pub rendezvous: Toggle<rendezvous::client::Behaviour>,
    rendezvous_server: Toggle<rendezvous::server::Behaviour>,
}

impl Behaviour {
    fn new(
        key: &Keypair,
        with_mdns: bool,
        pubsub: Option<gossipsub::Behaviour>,
        kad: Option<kad::Behaviour>,
        relay_client: relay::client::Behaviour,
        with_rendezvous: bool,
        reach: Reach,
    ) -> std::io::Result<Self> {
        let peer = key.public().to_peer_id();
        let identify = identify::Config::new_with_signed_peer_record("ipfs/0.1.0".to_string(), key)
            .with_push_listen_addr_updates(true)
            .with_interval(NEVER);
        let mdns = if with_mdns {
            Some(mdns::tokio::Behaviour::new(mdns::Config::default(), key.public().to_peer_id())?)
        } else {
            None
        };
        Ok(Self {
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(NEVER)),
            mdns: mdns.into(),
            pubsub: pubsub.into(),
            kad: kad.into(),
            streams: streams::Behaviour::default(),
            relay_client,
            relay: reach.server.map(|server| reach::server(peer, server)).into(),
            dcutr: reach.punch.then(|| dcutr::Behaviour::new(peer)).into(),
            autonat: reach.autonat.then(reach::autonat_client).into(),
            autonat_server: reach.autonat.then(autonat::v2::server::Behaviour::default).into(),
            rendezvous: with_rendezvous.then(|| rendezvous::client::Behaviour::new(key.clone())).into(),
            rendezvous_server: with_rendezvous.then(crate::rendezvous::server).into(),
        })
    }
}

pub fn make(arguments: Arguments) -> Result<Swarm<Behaviour>> {
    let Arguments { key, security, network_key, mdns: with_mdns, pubsub: with_pubsub, kad, rendezvous, reach } =
        arguments;
    let pubsub = if with_pubsub { Some(pubsub::make(&key)?) } else { None };
    let kad = kad.map(|options| kad::make(key.public().to_peer_id(), options));
    let muxer = || {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(STREAMS_MAX);
        config
    };
    let builder = SwarmBuilder::with_existing_identity(key).with_tokio();
    // Each choice makes a builder of another type.
    macro_rules! swarm {
        ($security:expr) => {
            finish!(builder.with_tcp(tcp::Config::default(), $security, muxer)?, $security)
        };
    }
    macro_rules! finish {
        ($builder:expr, $security:expr) => {
            $builder
                .with_dns()?
                .with_relay_client($security, muxer)?
                .with_behaviour(|key, relays| {
                    Ok(Behaviour::new(key, with_mdns, pubsub, kad, relays, rendezvous, reach)?)
                })
                .map_err(Failure::other)?
                .with_swarm_config(|config| {
                    config.with_idle_connection_timeout(NEVER).with_max_negotiating_inbound_streams(STREAMS_MAX)
                })
                .with_connection_timeout(DIAL_TIMEOUT)
                .build()
        };
    }
    if let Some(key) = network_key {
        let builder = builder.with_other_transport(|identity| pnet::transport(identity, &key, security, muxer()))?;
        return Ok(finish!(builder, noise::Config::new));
    }
    Ok(match security {
        Security::Tls => swarm!(tls::Config::new),
        Security::Noise => swarm!(noise::Config::new),
        Security::Both => swarm!((tls::Config::new, noise::Config::new)),
    })
}
