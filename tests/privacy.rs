//! What SECURITY.md promises, seen from outside: the system calls of the real program, in the window and without one.
//! Only sockets of this machine (AF_UNIX, AF_NETLINK), and no file is written but the settings.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;
#[path = "common/xvfb.rs"]
mod xvfb;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xvfb::{Guard, display, signal, wait_for_end, wait_for_picture};

/// Everything that opens a socket, and everything that makes, changes or removes a file.
const WATCHED: &str = "trace=socket,connect,bind,sendto,sendmsg,open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,rename,\
    renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,truncate,chmod,fchmodat,execve,execveat";

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
        process == program && rest.trim_start() == "+++ exited with 0 +++"
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
        // `1234 openat(AT_FDCWD, "/a/b", O_RDONLY) = 3`, with spaces for shorter numbers.
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
    // Devices (a graphics card, /dev/null, shared memory with the display) and the kernel's own are no files.
    seen.written.retain(|path| !["/dev/", "/proc/", "/sys/"].iter().any(|kind| path.starts_with(kind)));
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
