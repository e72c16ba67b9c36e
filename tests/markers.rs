//! Markers: as lines, from a file with times, by OSC; in events.csv and on the page.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use moue::record::{EVENTS_FILE, EVENTS_HEADER, FACES_FILE};

fn moue(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moue"));
    command.current_dir(folder);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The only session in `rec`.
fn session(folder: &Path) -> PathBuf {
    let mut all = std::fs::read_dir(folder.join("rec")).unwrap();
    let session = all.next().unwrap().unwrap().path();
    assert!(all.next().is_none());
    session
}

/// The rows of events.csv, after its header.
fn events(session: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(session.join(EVENTS_FILE)).unwrap();
    assert_eq!(reader.headers().unwrap(), &csv::StringRecord::from(EVENTS_HEADER.to_vec()));
    reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn lines_on_standard_input_become_markers_of_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = moue(folder.path())
        .args([
            "analyze",
            "--source",
            "demo",
            "--frames",
            "200",
            "--json",
            "--record",
            "rec",
            "--markers",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    for name in ["begin", "cat.png, left", "\u{7}", "# remark", "<b>end</b>"] {
        // One line a frame that was read: between the frames, whatever the speed.
        for _ in 0..10 {
            line.clear();
            std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        }
        writeln!(input, "{name}").unwrap();
    }
    drop(input);
    std::io::Read::read_to_string(&mut said, &mut String::new()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let session = session(folder.path());
    let events = events(&session);
    let names: Vec<(&str, &str, &str)> = events.iter().map(|e| (&*e[3], &*e[4], &*e[5])).collect();
    assert_eq!(names, [("begin", "", "line"), ("cat.png", "left", "line"), ("<b>end</b>", "", "line")]);
    // In the order of time, and within the recording.
    let times: Vec<f64> = events.iter().map(|e| e[0].parse().unwrap()).collect();
    assert!(times[0] > 0.0 && times.is_sorted() && times[2] < 200.0 / 30.0, "{times:?}");
    assert!(events.iter().all(|e| e[2].ends_with('Z')), "{events:?}");

    let output = moue(folder.path()).arg("report").arg(&session).output().unwrap();
    assert!(output.status.success());
    let page = std::fs::read_to_string(session.join("report.html")).unwrap();
    assert!(page.contains("<h2>Markers</h2>") && page.contains("cat.png") && page.contains("&lt;b&gt;end"));
    assert!(!page.contains("<b>end"));
    let lines = |p: &str| p.matches("<polyline").count();
    let with = lines(&page);
    std::fs::remove_file(session.join(EVENTS_FILE)).unwrap();
    moue(folder.path()).arg("report").arg(&session).output().unwrap();
    let without = std::fs::read_to_string(session.join("report.html")).unwrap();
    assert!(!without.contains("<h2>Markers</h2>"));
    assert_eq!((with - lines(&without)) % 3, 0, "each timeline has a line for each marker");
    assert!(with > lines(&without));
}

#[test]
fn a_video_has_markers_of_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/astronaut.jpg");
    // An animation of two pictures of a second each stands in for a film.
    let frame = image::open(picture).unwrap().thumbnail(200, 200).to_rgba8();
    let gif = folder.path().join("film.gif");
    let mut encoder = image::codecs::gif::GifEncoder::new(std::fs::File::create(&gif).unwrap());
    for _ in 0..2 {
        let delay = image::Delay::from_numer_denom_ms(1000, 1);
        encoder.encode_frame(image::Frame::from_parts(frame.clone(), 0, 0, delay)).unwrap();
    }
    drop(encoder);
    let analyze = |markers: &str, more: &[&str]| -> Output {
        moue(folder.path())
            .args(["analyze", "film.gif", "--json", "--record", "rec", "--markers", markers])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    std::fs::write(folder.path().join("film.csv"), "1.5,second half\n0.25,start,of it\n").unwrap();
    let output = analyze("film.csv", &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let events = events(&session(folder.path()));
    assert_eq!(events.len(), 2);
    assert_eq!(events[0], ["0.250", "", "", "start", "of it", "file"]);
    assert_eq!(events[1][0], "1.500");

    // What is no such file is refused before anything is read.
    std::fs::write(folder.path().join("bad.csv"), "start\n").unwrap();
    for (markers, more, expected) in [
        ("bad.csv", &[][..], "line 1: expected a line such as 12.5,name"),
        ("none.csv", &[], "none.csv: expected a file of lines SECONDS,NAME"),
        ("-", &[], "pipes and standard input are for --source camera"),
        ("film.csv", &["film.gif"], "found 2 inputs"),
    ] {
        let output = analyze(markers, more);
        assert_eq!(output.status.code(), Some(2), "{markers}");
        let said = text(&output.stderr);
        assert!(said.contains(expected), "{said}");
    }
    let output = moue(folder.path()).args(["analyze", "film.gif", "--markers", "film.csv"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "without --record there is no place for them");
}

#[cfg(feature = "osc")]
#[test]
#[allow(clippy::disallowed_types)]
fn osc_messages_become_markers_and_rows_tell_their_time() {
    use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};
    let folder = tempfile::tempdir().unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let back = socket.local_addr().unwrap().to_string();
    // A port that is free now; nobody else takes it in the next moment.
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut child = moue(folder.path())
        .args(["analyze", "--source", "demo", "--frames", "200", "--json", "--record", "rec"])
        .args(["--osc-in", &free, "--osc", &back])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut String::new()).unwrap();
    let message = |addr: &str, args: Vec<OscType>| OscPacket::Message(OscMessage { addr: addr.into(), args });
    let one = message("/moue/marker", vec![OscType::String("flash".into())]);
    let other = message("/other", vec![OscType::String("not this".into())]);
    let two = message("/moue/marker", vec![OscType::String("picture".into()), OscType::Int(7)]);
    let timetag = OscTime { seconds: 0, fractional: 1 };
    let bundle = OscPacket::Bundle(OscBundle { timetag, content: vec![other, two] });
    for packet in [one, bundle] {
        socket.send_to(&rosc::encoder::encode(&packet).unwrap(), &free).unwrap();
    }
    socket.send_to(b"no OSC", &free).unwrap();
    let mut buffer = [0; 65536];
    let (size, _) = socket.recv_from(&mut buffer).unwrap();
    let (_, OscPacket::Bundle(sent)) = rosc::decoder::decode_udp(&buffer[..size]).unwrap() else { panic!() };
    let OscPacket::Message(time) = &sent.content[1] else { panic!() };
    assert_eq!(time.addr, "/moue/time");
    assert!(
        matches!(time.args[..], [OscType::Int(0), OscType::Long(ns), OscType::String(_), OscType::Int(-1), OscType::Float(_)] if ns != 0)
    );
    std::io::Read::read_to_string(&mut said, &mut String::new()).unwrap();
    assert!(child.wait().unwrap().success());
    let events = events(&session(folder.path()));
    let names: Vec<(&str, &str, &str)> = events.iter().map(|e| (&*e[3], &*e[4], &*e[5])).collect();
    assert_eq!(names, [("flash", "", "osc"), ("picture", "7", "osc")]);
    for (address, source) in [("nonsense", "demo"), ("127.0.0.1:99999", "demo")] {
        let arguments = ["analyze", "--source", source, "--record", "rec", "--osc-in", address];
        let output = moue(folder.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }
}

#[test]
fn rows_without_markers_have_no_file_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let output = moue(folder.path())
        .args(["analyze", "--source", "demo", "--frames", "3", "--json", "--record", "rec"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let session = session(folder.path());
    assert!(session.join(FACES_FILE).is_file() && !session.join(EVENTS_FILE).exists());
}
