//! Recordings as a user makes them: kept whole, kept through a kill, and honest where something fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use moue::record::{CSV_HEADER, Columns, FACES_FILE, FaceRow, SESSION_FILE, Session, SessionStatus};

fn moue() -> Command {
    Command::new(env!("CARGO_BIN_EXE_moue"))
}

/// Ends the process with the test, however it ends.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn portrait() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn has_ffmpeg() -> bool {
    let there = Command::new("ffmpeg").arg("-version").output().is_ok();
    if !there {
        common::skip("ffmpeg is not installed");
    }
    there
}

/// The session folders in `parent`, by name.
fn sessions(parent: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(parent).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

fn session(folder: &Path) -> Session {
    serde_json::from_str(&std::fs::read_to_string(folder.join(SESSION_FILE)).unwrap()).unwrap()
}

/// All rows; `cut` is whether the last line is not whole.
fn rows(folder: &Path) -> (Vec<FaceRow>, bool) {
    let file = std::fs::read_to_string(folder.join(FACES_FILE)).unwrap();
    let mut lines: Vec<&str> = file.split('\n').collect();
    // What follows the last line break.
    let rest = lines.pop().unwrap();
    assert_eq!(lines.remove(0), CSV_HEADER.join(","));
    let columns = Columns::of(&csv::ByteRecord::from(CSV_HEADER.to_vec())).unwrap();
    let parse = |line: &&str| {
        let record = csv::ByteRecord::from(line.split(',').collect::<Vec<_>>());
        FaceRow::parse(&record, &columns).unwrap()
    };
    (lines.iter().map(parse).collect(), !rest.is_empty())
}

#[test]
fn each_input_is_recorded_into_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let record = |input: &Path| -> Output {
        let mut command = moue();
        command.current_dir(folder.path()).args(["analyze", "--json", "--record", "rec"]).arg(input);
        command.output().unwrap()
    };
    for _ in 0..2 {
        let output = record(&portrait());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("recorded 1 reading into rec"), "{}", text(&output.stderr));
    }
    let found = sessions(&folder.path().join("rec"));
    assert_eq!(found.len(), 2);
    for folder in found {
        let session = session(&folder);
        assert_eq!((session.status, session.format), (SessionStatus::Complete, 1));
        assert_eq!((session.results, session.faces, session.results_lost), (Some(1), Some(1), 0));
        assert_eq!(session.program.version, env!("CARGO_PKG_VERSION"));
        assert_eq!((session.source.name.as_str(), session.source.width), ("obama.jpg", Some(720)));
        assert_eq!(session.models[0].sha256.len(), 64);
        assert_eq!(session.settings[0].smoothing_ms, 0.0);
        let (rows, cut) = rows(&folder);
        assert_eq!((rows.len(), cut), (1, false));
        assert!((rows[0].raw.iter().sum::<f32>() - 1.0).abs() < 1e-3);
        assert_eq!(rows[0].raw, rows[0].shown.unwrap().probabilities);
        assert!(rows[0].age_ms.unwrap() > 0.0);
        // Nothing else, no temporary file.
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
    }
}

#[test]
fn a_recording_that_is_killed_can_be_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Guard(
        moue()
            .current_dir(folder.path())
            .args(["analyze", "--json", "--source", "demo", "--record", "rec"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let start = Instant::now();
    let mut faces: Vec<(Duration, usize)> = Vec::new();
    for line in BufReader::new(child.0.stdout.take().unwrap()).lines() {
        let frame: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        faces.push((start.elapsed(), frame["faces"].as_array().unwrap().len()));
        if start.elapsed() > Duration::from_millis(2500) && faces.len() > 30 {
            break;
        }
    }
    // SIGKILL: nothing is flushed any more.
    child.0.kill().unwrap();
    let killed = start.elapsed();
    child.0.wait().unwrap();
    let found = sessions(&folder.path().join("rec"));
    let (rows, _) = rows(&found[0]);
    let until: usize =
        faces.iter().filter(|(at, _)| *at + Duration::from_secs(1) < killed).map(|(_, n)| n).sum();
    assert!(until > 0 && rows.len() >= until, "{} rows of {until} that were older than a second", rows.len());
    assert!(rows.windows(2).all(|w| w[0].time_s <= w[1].time_s && w[0].frame <= w[1].frame));
    let session = session(&found[0]);
    assert_eq!((session.status, session.ended), (SessionStatus::Recording, None));

    let output = moue().arg("report").arg(&found[0]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(found[0].join("report.html")).unwrap();
    assert!(page.contains("This recording was not finished") && page.contains("Face 1"));
}

#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_recording_and_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    // The shell's limit on the size of files stands in for a disk that is full: 20 KiB a file.
    let script =
        "trap '' XFSZ; ulimit -f 40; exec \"$0\" analyze --json --source demo --frames 400 --record rec";
    let output = Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", script, env!("CARGO_BIN_EXE_moue")])
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("faces.csv: cannot be written: File too large"), "{said}");
    // The analysis itself went on.
    assert_eq!(text(&output.stdout).lines().count(), 400);
    let found = sessions(&folder.path().join("rec"));
    let (rows, cut) = rows(&found[0]);
    assert!(rows.len() > 40 && !cut, "{} rows", rows.len());
    let session = session(&found[0]);
    assert_eq!((session.status, session.faces), (SessionStatus::Stopped, Some(rows.len() as u64)));
    assert!(session.stopped_because.unwrap().contains("File too large"));
}

/// Mean difference of neighbouring pixels in the middle of the face, in the video's first frame.
fn detail(folder: &Path) -> f64 {
    let picture = folder.join("first.png");
    let status = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-i"])
        .arg(folder.join("video.mp4"))
        .args(["-frames:v", "1"])
        .arg(&picture)
        .status()
        .unwrap();
    assert!(status.success());
    let picture = image::open(picture).unwrap().to_luma8();
    let b = rows(folder).0[0].face;
    let (x0, y0) = ((b.x + b.width * 0.25) as u32, (b.y + b.height * 0.25) as u32);
    let side = (b.width / 2.0) as u32;
    let mut sum = 0.0;
    for y in y0..y0 + side {
        for x in x0..x0 + side {
            sum += f64::from(picture.get_pixel(x, y)[0].abs_diff(picture.get_pixel(x + 1, y)[0]));
        }
    }
    sum / f64::from(side * side)
}

#[test]
fn the_video_has_every_frame_and_hides_faces_where_asked() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut details = Vec::new();
    for (name, more) in [("plain", &[][..]), ("hidden", &["--blur"])] {
        let output = moue()
            .current_dir(folder.path())
            .args(["analyze", "--json", "--source", "demo", "--frames", "45", "--record", name, "--video"])
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let found = sessions(&folder.path().join(name));
        let video = session(&found[0]).video.unwrap();
        assert_eq!((video.faces_blurred, video.results_left_out), (name == "hidden", 0));
        let probe = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "csv=p=0"])
            .args(["-show_entries", "stream=nb_read_frames"])
            .arg(found[0].join(video.file))
            .output()
            .unwrap();
        assert_eq!(text(&probe.stdout).trim().trim_end_matches(','), "45");
        details.push(detail(&found[0]));
    }
    assert!(details[1] < details[0] / 2.0, "{details:?}");
}

#[test]
fn without_ffmpeg_the_readings_are_recorded_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let output = moue()
        .current_dir(folder.path())
        .args(["analyze", "--json", "--record", "rec", "--video"])
        .arg(portrait())
        .env("PATH", folder.path())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no video is recorded") && said.contains("apt install ffmpeg"), "{said}");
    let found = sessions(&folder.path().join("rec"));
    assert_eq!(rows(&found[0]).0.len(), 1);
    let session = session(&found[0]);
    assert_eq!((session.status, session.video), (SessionStatus::Complete, None));
}

#[test]
fn lines_come_while_it_runs_and_a_closed_pipe_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Guard(
        moue()
            .current_dir(folder.path())
            .args(["analyze", "--json", "--source", "demo"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut out = BufReader::new(child.0.stdout.take().unwrap());
    for number in 0..3u64 {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let frame: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(frame["frame"], number);
    }
    assert!(child.0.try_wait().unwrap().is_none(), "the lines came before its end");
    drop(out);
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        // It would go on for 900 frames; a busy machine gets longer than the frame that it needs.
        assert!(start.elapsed() < Duration::from_secs(10), "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(0));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.0.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(said, "");
}

/// Resident memory of a process, in KiB.
#[cfg(target_os = "linux")]
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
#[allow(clippy::print_stdout)]
fn memory_is_flat_however_long_a_video_is() {
    if !has_ffmpeg() {
        return;
    }
    const FRAMES: usize = 5000;
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("ffmpeg")
        .current_dir(folder.path())
        .args(["-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=192x144:rate=25:duration=200"])
        .args(["-c:v", "mpeg4", "long.mp4"])
        .status()
        .unwrap();
    assert!(made.success());
    let mut child = Guard(
        moue()
            .current_dir(folder.path())
            .args(["analyze", "--json", "--record", "rec", "--threads", "1", "long.mp4"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut measured = Vec::new();
    let start = Instant::now();
    let mut count = 0;
    for line in BufReader::new(child.0.stdout.take().unwrap()).lines() {
        line.unwrap();
        count += 1;
        if count == FRAMES / 5 || count == FRAMES - 10 {
            measured.push(resident_kib(child.0.id()));
        }
    }
    println!(
        "{count} frames of 200 s in {:.1} s; resident: {} KiB after 20 %, {} KiB at the end",
        start.elapsed().as_secs_f64(),
        measured[0],
        measured[1]
    );
    assert_eq!(count, FRAMES);
    // Allocators keep a little; a frame that was kept each time would be 400 MiB.
    assert!(measured[1] < measured[0] + 8 * 1024, "{measured:?} KiB");
}
