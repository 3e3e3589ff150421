//! TCP in a private network: every connection under a pre-shared key.

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::{Keypair, PeerId};
use libp2p::pnet::{PnetConfig, PreSharedKey};
use libp2p::{noise, tcp, tls, yamux, Transport as _};

use crate::arguments::Security;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The key is read as the file of one is. Secured by TLS or noise, not by either as the other side likes.
pub fn transport(
    identity: &Keypair,
    hex: &str,
    security: Security,
    muxer: yamux::Config,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Error> {
    let key: PreSharedKey = format!("/key/swarm/psk/1.0.0/\n/base16/\n{hex}\n").parse()?;
    let private = tcp::tokio::Transport::new(tcp::Config::default())
        .and_then(move |socket, _| PnetConfig::new(key).handshake(socket))
        .upgrade(Version::V1);
    macro_rules! secured {
        ($security:expr) => {
            private
                .authenticate($security)
                .multiplex(muxer)
                .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
                .boxed()
        };
    }
    match security {
        Security::Tls => Ok(secured!(tls::Config::new(identity)?)),
        Security::Noise => Ok(secured!(noise::Config::new(identity)?)),
        Security::Both => Err("in a private network: --security tls or --security noise".into()),
    }
}
