//! What SECURITY.md promises, seen from outside: the system calls of the real program, in the window and without one.
//! Only sockets of this machine (AF_UNIX, AF_NETLINK), and no file is written but the settings.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;
#[path = "common/files.rs"]
mod files;
#[path = "common/xvfb.rs"]
mod xvfb;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xvfb::{Guard, display, signal, wait_for_end, wait_for_picture};

/// Everything that opens a socket, and everything that makes, changes or removes a file. Those with a question mark are
/// not there on every processor. A ring (`io_uring`) would do either unseen.
const WATCHED: &str = "trace=socket,connect,bind,sendto,sendmsg,sendmmsg,io_uring_setup,?open,openat,openat2,?creat,\
    ?mkdir,mkdirat,?mknod,mknodat,?rename,?renameat,renameat2,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,?rmdir,\
    truncate,?chmod,fchmodat,?chown,?lchown,fchownat,utimensat,setxattr,lsetxattr,open_by_handle_at,execve,execveat";

/// The program under strace, which runs beside it: the process is the program itself. `None` where strace
/// does not work (`skip` says so).
fn traced(trace: &Path) -> Option<Command> {
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "--seccomp-bpf", "-q", "-s", "300", "-e", WATCHED, "-e", "signal=none", "-o"])
        .arg(trace);
    let works = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        common::skip("strace is not installed, or the system forbids it");
        return None;
    }
    command.arg(env!("CARGO_BIN_EXE_moue"));
    Some(command)
}

/// What the trace shows: kinds of sockets, and paths that were written to, made or removed.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    sockets: BTreeSet<String>,
    written: BTreeSet<String>,
    programs: BTreeSet<String>,
}

fn seen(trace: &Path, program: u32) -> Seen {
    let mut seen = Seen::default();
    let program = program.to_string();
    // Short process numbers are followed by more than one space.
    let ended = |line: &str| {
        let (process, rest) = line.split_once(' ').unwrap_or_default();
        process == program && rest.trim_start().starts_with("+++ exited with ")
    };
    let start = Instant::now();
    let text = loop {
        // strace may write its last lines after the program's end.
        let text = std::fs::read_to_string(trace).unwrap();
        if text.lines().any(ended) {
            break text;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "no end of the trace: {text}");
        std::thread::sleep(Duration::from_millis(20));
    };
    for line in text.lines() {
        // `1234 openat(AT_FDCWD, "/a/b", O_RDONLY) = 3`, with spaces for shorter numbers; the end of a call that was
        // interrupted by another thread's stands on a line of its own.
        let Some((name, arguments)) =
            line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').split_once('(')
        else {
            continue;
        };
        let done = !arguments.contains("= -1 ");
        let paths = || arguments.split('"').skip(1).step_by(2).map(str::to_owned);
        match name {
            "socket" => {
                seen.sockets.extend(arguments.split(',').next().map(str::to_owned));
            }
            // Addresses are sent only to sockets that were opened: what is no network here was seen above.
            "connect" | "bind" | "sendto" | "sendmsg" => {
                assert!(!arguments.contains("AF_INET"), "{line}");
            }
            "io_uring_setup" => assert!(!done, "{line}"),
            "execve" | "execveat" if done => seen.programs.extend(paths().next()),
            "open" | "openat" | "openat2" => {
                let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| arguments.contains(flag));
                if writes && done {
                    seen.written.extend(paths());
                }
            }
            "execve" | "execveat" => {}
            _ if done => seen.written.extend(paths()),
            _ => {}
        }
    }
    // Devices (a graphics card, /dev/null) and the kernel's own are no files.
    let is_device = |path: &str| path.starts_with("/dev/") && !path.starts_with("/dev/shm/");
    seen.written
        .retain(|path| !is_device(path) && !["/proc/", "/sys/"].iter().any(|kind| path.starts_with(kind)));
    seen
}

fn only_local_sockets(seen: &Seen) {
    for socket in &seen.sockets {
        assert!(["AF_UNIX", "AF_NETLINK"].contains(&socket.as_str()), "{seen:?}");
    }
}

#[test]
fn the_window_opens_no_network_socket_and_writes_its_settings_only() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, display)) = display(folder.path()) else {
        return common::skip("Xvfb is not installed");
    };
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    for (arguments, settings) in [(&[][..], true), (&["--no-settings"], false)] {
        let trace = folder.path().join("trace");
        let Some(mut command) = traced(&trace) else { return };
        command
            .args(["--source", "demo"])
            .args(arguments)
            .env("DISPLAY", &display)
            .env_remove("WAYLAND_DISPLAY")
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .stderr(Stdio::piped());
        let mut program = Guard(command.spawn().unwrap());
        if wait_for_picture(folder.path(), &mut program).is_none() {
            return;
        }
        signal("TERM", program.0.id());
        assert!(wait_for_end(&mut program).success());
        let seen = seen(&trace, program.0.id());
        println!("{seen:?}");
        only_local_sockets(&seen);
        assert!(seen.sockets.contains("AF_UNIX"), "the display itself is one: {seen:?}");
        let own = home.join("config/moue");
        for path in &seen.written {
            let path = Path::new(path);
            assert!(settings && (path.starts_with(&own) || own.starts_with(path)), "{path:?}: {seen:?}");
        }
        // The program itself, a second time for the graphics driver's environment, and nothing else.
        assert!(seen.programs.iter().all(|p| Path::new(p).ends_with("moue")), "{seen:?}");
        let files = walk(&home);
        let expected = if settings { vec![own.join("settings.json")] } else { vec![] };
        assert_eq!(files, expected);
        if settings {
            std::fs::remove_dir_all(home.join("config")).unwrap();
        }
    }
}

#[test]
fn analyze_opens_no_socket_and_writes_what_was_asked_for_only() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let Some(mut command) = traced(&trace) else { return };
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/obama.jpg");
    let result = folder.path().join("faces.csv");
    let program = command
        .arg("analyze")
        .arg(&picture)
        .arg("--csv")
        .arg("--out")
        .arg(&result)
        .env("HOME", folder.path())
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .env("TMPDIR", folder.path())
        .spawn()
        .unwrap();
    let mut program = Guard(program);
    assert!(program.0.wait().unwrap().success());
    let seen = seen(&trace, program.0.id());
    println!("{seen:?}");
    assert_eq!(seen.sockets, BTreeSet::new(), "{seen:?}");
    // The result, under the name of a temporary file first.
    for path in &seen.written {
        let path = Path::new(path);
        let temporary = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".moue-"));
        assert!(path == result || (temporary && path.parent() == result.parent()), "{path:?}: {seen:?}");
    }
    assert_eq!(walk(folder.path()), [result, trace]);
}

/// Runs the program under strace to its end in an empty home: its status, what it did, and the whole trace.
fn run_traced(folder: &Path, arguments: &[&str]) -> Option<(Option<i32>, Seen, String)> {
    let trace = folder.join("trace");
    let home = folder.join("home");
    std::fs::create_dir_all(&home).unwrap();
    let program = traced(&trace)?
        .args(arguments)
        .current_dir(folder)
        .env("HOME", &home)
        .env("TMPDIR", &home)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_CACHE_HOME")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut program = Guard(program);
    let status = program.0.wait().unwrap();
    let seen = seen(&trace, program.0.id());
    assert!(walk(&home).is_empty(), "{:?}", walk(&home));
    Some((status.code(), seen, std::fs::read_to_string(&trace).unwrap()))
}

#[test]
fn commands_that_only_tell_something_write_nothing() {
    for arguments in
        [&["model"][..], &["cameras"], &["bench", "--only", "preprocess", "--json"], &["--version"]]
    {
        let folder = tempfile::tempdir().unwrap();
        let Some((status, seen, _)) = run_traced(folder.path(), arguments) else { return };
        assert_eq!(status, Some(0), "{arguments:?}");
        only_local_sockets(&seen);
        assert_eq!(seen.written, BTreeSet::new(), "{arguments:?}");
        assert_eq!(seen.programs.len(), 1, "{arguments:?}: {seen:?}");
    }
}

#[test]
fn videos_are_decoded_by_programs_that_open_no_socket_and_write_nothing() {
    if !files::has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=160x120:rate=10:duration=0.5",
        ])
        .args(["-c:v", "mpeg4"])
        .arg(folder.path().join("a.mp4"))
        .status();
    assert!(made.unwrap().success());
    let Some((status, seen, _)) = run_traced(folder.path(), &["analyze", "a.mp4"]) else { return };
    assert_eq!(status, Some(0), "{seen:?}");
    assert_eq!((&seen.sockets, &seen.written), (&BTreeSet::new(), &BTreeSet::new()), "{seen:?}");
    let programs: BTreeSet<_> =
        seen.programs.iter().map(|p| Path::new(p).file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(programs, BTreeSet::from(["ffmpeg", "ffprobe", "moue"]));
}

/// ffmpeg would follow each of these to another file, or to an address of this machine.
#[test]
fn playlists_and_the_like_lead_to_no_other_file_and_to_no_network() {
    if !files::has_ffmpeg() {
        return;
    }
    for (name, content) in [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/elsewhere.ts\n"),
        ("b.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nelsewhere.mp4\n#EXT-X-ENDLIST\n"),
        ("c.mp4", "ffconcat version 1.0\nfile elsewhere.mp4\n"),
        ("d.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 26\n"),
        ("e.mpd", "<?xml version=\"1.0\"?><MPD><BaseURL>http://127.0.0.1:9/elsewhere</BaseURL></MPD>"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        std::fs::write(folder.path().join("elsewhere.mp4"), "").unwrap();
        let Some((status, seen, trace)) = run_traced(folder.path(), &["analyze", name]) else { return };
        assert_eq!(status, Some(1), "{name}: {seen:?}");
        assert_eq!((&seen.sockets, &seen.written), (&BTreeSet::new(), &BTreeSet::new()), "{name}: {seen:?}");
        assert!(!trace.contains("elsewhere"), "{name}: {trace}");
    }
}

/// All files under a folder, sorted.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
