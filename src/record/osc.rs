//! Sends readings to other programs as OSC messages by UDP. The layout is in `docs/osc.md`.
//!
//! This is the only module of the program that opens a socket, and it is compiled only with the feature `osc`.
#![allow(clippy::disallowed_types, reason = "the one sender, compiled only where its feature was asked for")]

use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

use moue_detect::Reason;
use moue_model::Expression;
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

use super::columns::UNSURE;
use super::row_stamp::utc_text;
use crate::pipeline::{AnalyzedFrame, ShownPersonal, ShownReading, TriggerEvent};

/// Faces in one packet; more go into further ones, so that each fits into UDP's 64 KiB.
const FACES: usize = 64;

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum OscError {
    /// The address cannot be resolved.
    #[error("{address}: expected HOST:PORT to send to: {reason}")]
    Address {
        /// What was given.
        address: String,
        /// What was wrong.
        reason: String,
    },
    /// Nothing can be received there.
    #[error("{address}: expected HOST:PORT of this machine to listen at: {reason}")]
    Listen {
        /// What was given.
        address: String,
        /// What was wrong.
        reason: String,
    },
    /// The system gives no socket.
    #[error("no UDP socket for OSC: {0}")]
    Socket(std::io::Error),
}

/// Sends each result to one address. Never waits; what cannot be sent is lost, as usual with UDP.
#[derive(Debug)]
pub struct OscSender {
    socket: UdpSocket,
    to: SocketAddr,
    error_logged: AtomicBool,
}

impl OscSender {
    /// A sender to `address`, as in `127.0.0.1:9000`.
    ///
    /// # Errors
    /// [`OscError`] where the address cannot be resolved or there is no socket.
    pub fn new(address: &str) -> Result<Self, OscError> {
        let bad = |reason: String| OscError::Address { address: address.to_owned(), reason };
        let to = address
            .to_socket_addrs()
            .map_err(|e| bad(e.to_string()))?
            .next()
            .ok_or_else(|| bad("no such host".into()))?;
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).map_err(OscError::Socket)?;
        socket.set_nonblocking(true).map_err(OscError::Socket)?;
        Ok(Self { socket, to, error_logged: AtomicBool::new(false) })
    }

    /// Sends a result and its readings as they were shown.
    pub fn send(&self, result: &AnalyzedFrame, shown: &[ShownReading]) {
        packets(result, shown).iter().for_each(|packet| self.send_packet(packet));
    }

    /// Sends what a profile reads of a face: id, label, then name and probability of each of its expressions.
    pub fn send_personal(&self, shown: &ShownPersonal) {
        let mut args = vec![OscType::Int(shown.id as i32), OscType::String(shown.label_text().to_owned())];
        for (name, p) in shown.names.iter().zip(&shown.probabilities) {
            args.extend([OscType::String(name.to_string()), OscType::Float(*p)]);
        }
        self.send_packet(&message("/moue/personal", args));
    }

    /// Sends that a trigger fired: the expression, and when, in seconds of the source's clock.
    pub fn send_trigger(&self, event: &TriggerEvent) {
        let args = vec![OscType::String(event.expression.clone()), OscType::Float(event.time_s as f32)];
        self.send_packet(&message("/moue/trigger", args));
    }

    fn send_packet(&self, packet: &OscPacket) {
        let sent = rosc::encoder::encode(packet)
            .map_err(|e| e.to_string())
            .and_then(|bytes| self.socket.send_to(&bytes, self.to).map_err(|e| e.to_string()));
        if let Err(e) = sent
            && !self.error_logged.swap(true, Ordering::Relaxed)
        {
            tracing::warn!("OSC to {}: {e} (reported once)", self.to);
        }
    }
}

/// The packets of a result: one, or more where there are over 64 faces.
fn packets(result: &AnalyzedFrame, shown: &[ShownReading]) -> Vec<OscPacket> {
    let frame = &result.frame;
    let (width, height) = (frame.image.width().max(1) as f32, frame.image.height().max(1) as f32);
    let mut messages = vec![message(
        "/moue/frame",
        vec![
            OscType::Int(whole(frame.index)),
            OscType::Float(frame.time_s as f32),
            OscType::Int(whole(result.faces.len() as u64)),
        ],
    )];
    messages.extend(time_message(result));
    let mut packets = Vec::new();
    for (i, (face, shown)) in result.faces.iter().zip(shown).enumerate() {
        if i > 0 && i % FACES == 0 {
            packets.push(bundle(std::mem::take(&mut messages)));
        }
        let id = OscType::Int(whole(face.id));
        let b = face.detection.face;
        let mut place = vec![id.clone()];
        place.extend([b.x / width, b.y / height, b.width / width, b.height / height].map(OscType::Float));
        place.push(OscType::String(shown.label.map_or(UNSURE, Expression::name).into()));
        place.push(OscType::Float(shown.probabilities[shown.leading.index()]));
        messages.push(message("/moue/face", place));
        for (address, values) in
            [("/moue/smooth", &shown.probabilities), ("/moue/raw", &face.reading.probabilities)]
        {
            let mut all = vec![id.clone()];
            all.extend(values.map(OscType::Float));
            messages.push(message(address, all));
        }
        if let Some(m) = &face.measurements {
            let floats = |address: &str, values: [f32; 3]| {
                let mut all = vec![id.clone()];
                all.extend(values.map(OscType::Float));
                message(address, all)
            };
            messages.push(floats("/moue/head", [m.pose.yaw, m.pose.pitch, m.pose.roll]));
            messages.push(floats("/moue/open", [m.eyes[0], m.eyes[1], m.mouth]));
            if let Some(blinks) = m.blinks_per_min {
                messages.push(message("/moue/blinks", vec![id.clone(), OscType::Float(blinks)]));
            }
        }
        let reason = face.quality.first_reason().map_or("", Reason::name);
        let quality = OscType::Float(face.quality.value());
        messages.push(message("/moue/quality", vec![id, quality, OscType::String(reason.into())]));
    }
    packets.push(bundle(messages));
    packets
}

/// When the frame was taken, of sources that are live. Numbers that are not known are -1.
fn time_message(result: &AnalyzedFrame) -> Option<OscPacket> {
    let stamp = &result.frame.stamp;
    let utc = utc_text(stamp.utc_us?)?;
    let long = |value: Option<u64>| value.and_then(|v| i64::try_from(v).ok()).unwrap_or(-1);
    Some(message(
        "/moue/time",
        vec![
            OscType::Int(whole(result.frame.index)),
            OscType::Long(long(stamp.monotonic_ns)),
            OscType::String(utc),
            OscType::Int(result.dropped_before.map_or(-1, whole)),
            OscType::Float(result.frame.captured_at.elapsed().as_secs_f32() * 1000.0),
        ],
    ))
}

fn message(address: &str, args: Vec<OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args })
}

fn bundle(content: Vec<OscPacket>) -> OscPacket {
    // "Immediately", as the OSC specification writes it.
    OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content })
}

/// OSC's whole numbers have 32 bits.
fn whole(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
