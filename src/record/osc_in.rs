//! Takes markers of other programs as OSC messages by UDP. The layout is in `docs/osc.md`.
//!
//! As `osc.rs`, it is compiled only with the feature `osc`, and listens only at the address that the user names.
#![allow(
    clippy::disallowed_types,
    reason = "the one receiver, compiled only where its feature was asked for"
)]

use std::net::UdpSocket;
use std::time::Instant;

use crossbeam_channel::{Sender, TrySendError};
use rosc::{OscMessage, OscPacket, OscType};

use super::markers::{IncomingMarker, MarkerOrigin, MarkerText};
use super::osc::OscError;

/// The one address that is understood.
const ADDRESS: &str = "/moue/marker";
/// Bundles in bundles are followed so deep.
const DEPTH: usize = 4;

/// Listens at `address` (as in `127.0.0.1:9001`) until the program ends, on a thread of its own.
///
/// # Errors
/// [`OscError`] where there is no such address or the system gives no socket or thread.
pub fn receive(address: &str, to: Sender<IncomingMarker>) -> Result<(), OscError> {
    let bad = |e: std::io::Error| OscError::Listen { address: address.to_owned(), reason: e.to_string() };
    let socket = UdpSocket::bind(address).map_err(bad)?;
    let body = move || {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let received = socket.recv_from(&mut buffer);
            let at = Instant::now();
            let size = match received {
                Ok((size, _)) => size,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return tracing::warn!("no more OSC messages can be received: {e}"),
            };
            let Ok((_, packet)) = rosc::decoder::decode_udp(&buffer[..size]) else { continue };
            let mut texts = Vec::new();
            collect(packet, DEPTH, &mut texts);
            for text in texts {
                match to.try_send(IncomingMarker { at, text, origin: MarkerOrigin::Osc }) {
                    Ok(()) => {}
                    Err(TrySendError::Full(m)) => {
                        tracing::warn!("too many markers at once: {} is lost", m.text.name)
                    }
                    Err(TrySendError::Disconnected(_)) => return,
                }
            }
        }
    };
    std::thread::Builder::new().name("osc-in".into()).spawn(body).map(drop).map_err(bad)
}

fn collect(packet: OscPacket, depth: usize, found: &mut Vec<MarkerText>) {
    match packet {
        OscPacket::Message(message) => found.extend(marker(&message)),
        OscPacket::Bundle(bundle) if depth > 0 => {
            bundle.content.into_iter().for_each(|inner| collect(inner, depth - 1, found));
        }
        OscPacket::Bundle(_) => {}
    }
}

/// `/moue/marker NAME [VALUE]`.
fn marker(message: &OscMessage) -> Option<MarkerText> {
    if message.addr != ADDRESS {
        return None;
    }
    let name = word(message.args.first()?)?;
    let value = message.args.get(1).and_then(word).unwrap_or_default();
    MarkerText::new(&name, &value)
}

fn word(argument: &OscType) -> Option<String> {
    Some(match argument {
        OscType::String(text) => text.clone(),
        OscType::Int(v) => v.to_string(),
        OscType::Long(v) => v.to_string(),
        OscType::Float(v) => v.to_string(),
        OscType::Double(v) => v.to_string(),
        OscType::Bool(v) => v.to_string(),
        OscType::Char(v) => v.to_string(),
        _ => return None,
    })
}
