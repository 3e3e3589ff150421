//! Rendezvous, as a client and as a point, and its commands (../README.md).

use libp2p::rendezvous::{client, server, Cookie, ErrorCode, Namespace};
use serde_json::{json, Map, Value};
use tokio::sync::oneshot;

use crate::failure::{Failure, Result};
use crate::node::Node;
use crate::output::{hex, unhex};

/// In place of a cookie: none.
const NO_COOKIE: &str = "-";

/// Takes registrations that a test can see the end of; two hours are the least otherwise.
pub fn server() -> server::Behaviour {
    server::Behaviour::new(server::Config::default().with_min_ttl(1))
}

/// Who waits for a point's answer: commands come one after the other, so there is one at most.
#[derive(Default)]
pub struct Waiting(Option<oneshot::Sender<Result<Value>>>);

impl Waiting {
    pub fn take_in(&mut self, event: client::Event) {
        let outcome = match event {
            client::Event::Registered { ttl, .. } => Ok(json!({ "ttl": ttl })),
            client::Event::Discovered { registrations, cookie, .. } => {
                let found: Map<_, _> = registrations
                    .into_iter()
                    .map(|each| (each.record.peer_id().to_string(), json!(each.record.addresses())))
                    .collect();
                Ok(json!({ "found": found, "cookie": hex(&cookie.into_wire_encoding()) }))
            }
            client::Event::RegisterFailed { error, .. } | client::Event::DiscoverFailed { error, .. } => {
                Err(refusal(error))
            }
            client::Event::Expired { .. } => return,
        };
        if let Some(reply) = self.0.take() {
            drop(reply.send(outcome));
        }
    }
}

fn refusal(error: ErrorCode) -> Failure {
    match error {
        // What it also says where there was no answer.
        ErrorCode::Unavailable => Failure::other("Unavailable"),
        _ => Failure::new("refused", format!("{error:?}")),
    }
}

pub async fn register(node: &Node, words: &[&str]) -> Result<Value> {
    let [name, ttl] = words else { return Err(Failure::other("no name or time")) };
    let (name, ttl) = (Namespace::new(name.to_string())?, ttl.parse()?);
    let point = node.connection()?.peer;
    let (reply, answer) = oneshot::channel();
    node.rendezvous(move |client, waiting| match client.register(name, point, Some(ttl)) {
        Ok(()) => waiting.0 = Some(reply),
        Err(error) => drop(reply.send(Err(error.into()))),
    })?;
    answer.await?
}

pub async fn unregister(node: &Node, words: &[&str]) -> Result<Value> {
    let name = Namespace::new(words.first().ok_or_else(|| Failure::other("no name"))?.to_string())?;
    let point = node.connection()?.peer;
    node.rendezvous(move |client, _| client.unregister(name, point))?;
    Ok(json!({}))
}

pub async fn discover(node: &Node, words: &[&str]) -> Result<Value> {
    let [name, cookie] = words else { return Err(Failure::other("no name or cookie")) };
    let name = Namespace::new(name.to_string())?;
    let cookie = match *cookie {
        NO_COOKIE => None,
        text => Some(Cookie::from_wire_encoding(unhex(text)?)?),
    };
    let point = node.connection()?.peer;
    let (reply, answer) = oneshot::channel();
    node.rendezvous(move |client, waiting| {
        client.discover(Some(name), cookie, None, point);
        waiting.0 = Some(reply);
    })?;
    answer.await?
}
