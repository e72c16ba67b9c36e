//! `--osc`: what arrives at another program. Run with `--features osc`.
#![cfg(feature = "osc")]
#![allow(clippy::unwrap_used, clippy::disallowed_types)]

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rosc::{OscMessage, OscPacket, OscType};

#[test]
fn readings_arrive_as_documented() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/astronaut.jpg");
    let status = Command::new(env!("CARGO_BIN_EXE_moue"))
        .args(["analyze", "--json", "--osc", &address])
        .arg(portrait)
        .status()
        .unwrap();
    assert!(status.success());
    let mut buffer = [0; 65536];
    let (size, _) = socket.recv_from(&mut buffer).unwrap();
    let (_, OscPacket::Bundle(bundle)) = rosc::decoder::decode_udp(&buffer[..size]).unwrap() else {
        panic!("no bundle")
    };
    let messages: Vec<OscMessage> = bundle
        .content
        .into_iter()
        .map(|packet| match packet {
            OscPacket::Message(message) => message,
            OscPacket::Bundle(_) => panic!("a bundle in a bundle"),
        })
        .collect();
    let addresses: Vec<&str> = messages.iter().map(|m| m.addr.as_str()).collect();
    assert_eq!(
        addresses,
        [
            "/moue/frame",
            "/moue/face",
            "/moue/smooth",
            "/moue/raw",
            "/moue/head",
            "/moue/open",
            "/moue/quality"
        ]
    );
    assert_eq!(messages[0].args, [OscType::Int(0), OscType::Float(0.0), OscType::Int(1)]);
    let face = &messages[1].args;
    assert_eq!((face.len(), &face[0], &face[5]), (7, &OscType::Int(1), &OscType::String("happy".into())));
    for place in &face[1..5] {
        let OscType::Float(v) = place else { panic!("{place:?}") };
        assert!((0.0..1.0).contains(v), "{v}");
    }
    for message in &messages[4..6] {
        assert_eq!((message.args.len(), &message.args[0]), (4, &OscType::Int(1)));
    }
    let OscType::Float(quality) = messages[6].args[1] else { panic!("{:?}", messages[6]) };
    assert!((0.5..=1.0).contains(&quality), "{quality}");
    for message in &messages[2..4] {
        let sum: f32 = message.args[1..]
            .iter()
            .map(|v| match v {
                OscType::Float(v) => *v,
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(message.args.len(), 8);
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    for bad in ["nonsense", "127.0.0.1", "127.0.0.1:99999"] {
        let output = Command::new(env!("CARGO_BIN_EXE_moue"))
            .args(["analyze", "--osc", bad, "x.png"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(bad) && said.contains("HOST:PORT"), "{said}");
    }
}
