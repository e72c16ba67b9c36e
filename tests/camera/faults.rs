//! Cameras that are busy, forbidden, or whose driver reports errors.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::devices::{Running, VIVID};
use super::{Outcome, moue, run, run_well, tool, wait_for};

const SMALL: [&str; 4] = ["--format", "YUYV", "--size", "320x180"];

/// Whether a process has the device open.
pub(crate) fn holds(process: u32, path: &str) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    files.flatten().any(|f| std::fs::read_link(f.path()).is_ok_and(|target| target.to_str() == Some(path)))
}

/// Whether a process has the device's buffers in its memory, as it has while frames stream.
fn maps(process: u32, path: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/maps")).is_ok_and(|maps| maps.contains(path))
}

fn check(more: &[&str]) -> Command {
    let mut command = moue(&["cameras", "--check", VIVID]);
    command.args(SMALL).args(more);
    command
}

pub(crate) fn busy() -> Outcome {
    let mut holders = Vec::new();
    for holder in [
        &mut check(&["--frames", "1000000"]),
        Command::new("v4l2-ctl").args(["-d0", "--stream-mmap", "--stream-count=1000000"]),
    ] {
        let running = Running::start(holder);
        let id = running.0.id();
        // Once it streams, no second program can.
        let said = wait_for("a busy camera", || {
            let said = run(&mut check(&["--frames", "1"]));
            (said.code != Some(0)).then_some(said)
        });
        let name = holder.get_program().to_str().unwrap().rsplit('/').next().unwrap();
        let expected = format!("the camera is in use by {name} (process {id}); close it there");
        assert!(said.err.contains(&expected), "{expected:?} is not in {}", said.err);
        holders.push(name.to_owned());
        drop(running);
        // The end of that program frees it.
        run_well(&mut check(&["--frames", "1"]));
    }
    Outcome::Passed(format!("named {}", holders.join(" and ")))
}

pub(crate) fn forbidden() -> Outcome {
    // The program itself may lie where nobody but its owner can read it.
    let copy = std::env::temp_dir().join("moue-for-nobody");
    std::fs::copy(env!("CARGO_BIN_EXE_moue"), &copy).unwrap();
    tool(&format!("chmod 755 {}", copy.display()));
    let mut as_nobody = Command::new("setpriv");
    as_nobody
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(["cameras", "--check", VIVID]);
    let said = run(&mut as_nobody);
    assert_eq!(said.code, Some(2), "{}{}", said.out, said.err);
    assert!(said.err.contains("no permission to open the camera"), "{}", said.err);
    assert!(said.err.contains("group `video` (sudo usermod -aG video $USER)"), "{}", said.err);
    Outcome::Passed("the group `video` is named".into())
}

/// Makes vivid err once while frames stream, until the program has seen it: an error that nobody saw proves nothing.
fn injected_once(control: &str) -> Output {
    // A slow machine may set the control before the first frame, where errors are part of opening the camera and are
    // not counted, or after the last: then again, with more of both times.
    for times in [1, 2, 4, 8] {
        let program = check(&["--frames", &(90 * times).to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for("the stream", || maps(program.id(), "/dev/video0").then_some(()));
        std::thread::sleep(Duration::from_secs(times));
        tool(&format!("v4l2-ctl -d0 -c {control}=1"));
        let output = program.wait_with_output().unwrap();
        if !output.status.success() || String::from_utf8_lossy(&output.stdout).contains(" damaged (") {
            return output;
        }
        // What came too late hits whoever is next.
        run(&mut check(&["--frames", "2"]));
    }
    panic!("{control}: the program never saw the error");
}

pub(crate) fn injected() -> Outcome {
    // Errors that vivid can be told to make, and whether the stream goes on after them.
    let mut passed = Vec::new();
    for (control, goes_on) in [
        ("inject_v4l2_buf_flag_error", true),
        ("inject_vidioc_qbuf_error", false),
        ("inject_fatal_streaming_error", false),
    ] {
        let output = injected_once(control);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.code().is_some_and(|c| c <= 1), "{control}: {out}{err}");
        assert!(!err.contains("panicked"), "{control}: {err}");
        if goes_on {
            assert!(output.status.success(), "{control}: {out}{err}");
            assert!(
                out.contains("1 damaged (the camera marked the frame as damaged)"),
                "{control}: {out}{err}"
            );
        }
        passed.push(if output.status.success() { "went on" } else { "ended with a message" });
        // The device works again at once.
        run_well(&mut check(&["--frames", "2"]));
    }
    for control in ["inject_vidioc_reqbufs_error", "inject_vidioc_streamon_error"] {
        tool(&format!("v4l2-ctl -d0 -c {control}=1"));
        let said = run(&mut check(&["--frames", "2"]));
        assert!(
            said.code == Some(1) && !said.err.contains("panicked"),
            "{control}: {:?} {}{}",
            said.code,
            said.out,
            said.err
        );
        run_well(&mut check(&["--frames", "2"]));
    }
    Outcome::Passed(passed.join(", "))
}
