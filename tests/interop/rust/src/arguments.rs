//! The program's arguments, and the host key that they name.

use std::io::Write as _;
use std::process::{Command, Stdio};

use libp2p::identity::Keypair;
use libp2p::swarm::StreamProtocol;

use crate::failure::{Failure, Result};
use crate::kad;

/// What secures connections.
#[derive(Clone, Copy, PartialEq)]
pub enum Security {
    Tls,
    Noise,
    Both,
}

pub struct Arguments {
    pub key: Keypair,
    pub security: Security,
    pub mdns: bool,
    pub pubsub: bool,
    /// Of a private network: 64 hex digits.
    pub network_key: Option<String>,
    pub kad: Option<kad::Options>,
    pub rendezvous: bool,
    pub reach: Reach,
}

/// What is done about relays, and about being reached.
#[derive(Clone, Copy, Default)]
pub struct Reach {
    pub relay: bool,
    pub server: Option<RelayServer>,
    pub punch: bool,
    pub autonat: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum RelayServer {
    Limited,
    Unlimited,
}

/// An argument that is not known or cannot be met is "unsupported".
pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut key_type = "ed25519".to_string();
    let mut security = Security::Both;
    let mut mdns = false;
    let mut pubsub = false;
    let mut network_key = None;
    let mut kad_protocol = None;
    let mut kad_client = false;
    let mut rendezvous = false;
    let mut reach = Reach::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--key" => key_type = words.next().unwrap_or_default(),
            "--security" => {
                security = match words.next().as_deref() {
                    Some("tls") => Security::Tls,
                    Some("noise") => Security::Noise,
                    Some("both") => Security::Both,
                    other => return Err(Failure::new("unsupported", format!("no security protocol {other:?}"))),
                }
            }
            // rust-libp2p neither sends nor reads muxers in its handshakes: it always negotiates by multistream.
            "--muxer" => drop(words.next()),
            "--mdns" => mdns = true,
            "--pubsub" => pubsub = true,
            "--network-key" => network_key = words.next(),
            "--kad" => kad_protocol = Some(StreamProtocol::try_from_owned(words.next().unwrap_or_default())?),
            "--kad-client" => kad_client = true,
            "--relay" => reach.relay = true,
            "--relay-server" => {
                reach.server = match words.next().as_deref() {
                    Some("limited") => Some(RelayServer::Limited),
                    Some("unlimited") => Some(RelayServer::Unlimited),
                    other => return Err(Failure::new("unsupported", format!("no relay {other:?}"))),
                }
            }
            "--punch" => reach.punch = true,
            "--autonat" => reach.autonat = true,
            "--rendezvous" => rendezvous = true,
            _ => return Err(Failure::new("unsupported", format!("unknown argument {word}"))),
        }
    }
    let kad = kad_protocol.map(|protocol| kad::Options { protocol, is_client: kad_client });
    Ok(Arguments { key: make_key(&key_type)?, security, mdns, pubsub, network_key, kad, rendezvous, reach })
}

fn make_key(key_type: &str) -> Result<Keypair> {
    match key_type {
        "ed25519" => Ok(Keypair::generate_ed25519()),
        "secp256k1" => Ok(Keypair::generate_secp256k1()),
        "ecdsa" => Ok(Keypair::generate_ecdsa()),
        "rsa" => make_rsa_key(),
        _ => Err(Failure::new("unsupported", format!("no keys of type {key_type}"))),
    }
}

/// rust-libp2p uses RSA keys but makes none.
fn make_rsa_key() -> Result<Keypair> {
    let pem = openssl(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], &[])?;
    let mut pkcs8 = openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &pem)?;
    Ok(Keypair::rsa_from_pkcs8(&mut pkcs8)?)
}

fn openssl(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let unsupported = |reason: String| Failure::new("unsupported", format!("openssl makes no RSA key: {reason}"));
    let run = || {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().expect("it is piped").write_all(input)?;
        child.wait_with_output()
    };
    let output = run().map_err(|error| unsupported(error.to_string()))?;
    if !output.status.success() {
        return Err(unsupported(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(output.stdout)
}
