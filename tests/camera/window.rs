//! The window, on a virtual display. OpenGL in software is slow in an emulated machine (seconds a picture), so the
//! window and the camera's picture are small, and what is waited for is a state, not a time.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use image::{Rgb, RgbImage};

use super::devices::{Running, VIVID_ID};
use super::faults::holds;
use super::{Outcome, moue, out, tool, wait_for};

/// A virtual display, which keeps its screen in a file.
struct Display {
    _server: Running,
    name: String,
    folder: PathBuf,
}

impl Display {
    fn start() -> Self {
        let folder = std::env::temp_dir().join("moue-screen");
        std::fs::create_dir_all(&folder).unwrap();
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "640x420x24", "-fbdir"])
            .arg(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = server.stdout.take().unwrap();
        let _server = Running(server);
        let (mut number, mut byte) = (String::new(), [0]);
        while output.read_exact(&mut byte).is_ok() && byte[0] != b'\n' {
            number.push(char::from(byte[0]));
        }
        Self { _server, name: format!(":{number}"), folder }
    }

    /// The screen, kept under this name. Its file is in the format of xwd: big-endian words, the header's size first,
    /// width, height and the bytes of a line as the 5th, 6th and 13th, the number of colour-map entries (12 bytes
    /// each) as the 20th.
    fn screen(&self, name: &str) -> RgbImage {
        let file = std::fs::read(self.folder.join("Xvfb_screen0")).unwrap();
        let word = |i: usize| u32::from_be_bytes(file[i * 4..i * 4 + 4].try_into().unwrap()) as usize;
        let pixels = &file[word(0) + 12 * word(19)..];
        let screen = RgbImage::from_fn(word(4) as u32, word(5) as u32, |x, y| {
            let at = y as usize * word(12) + 4 * x as usize;
            Rgb([pixels[at + 2], pixels[at + 1], pixels[at]])
        });
        screen.save(out().join(name)).unwrap();
        screen
    }
}

/// Share of the screen in the camera's strong colours: vivid's bars are at 0 or 191, and nothing else of the
/// window is. The dimmed picture has none of them.
fn bars(screen: &RgbImage) -> f64 {
    let strong = |p: &&Rgb<u8>| {
        let bright = p.0.iter().filter(|v| **v > 150).count();
        let dark = p.0.iter().filter(|v| **v < 40).count();
        (1..=2).contains(&bright) && bright + dark == 3
    };
    screen.pixels().filter(strong).count() as f64 / screen.pixels().len() as f64
}

/// Settings with which there is little to draw.
fn settings() -> PathBuf {
    let home = std::env::temp_dir().join("moue-home");
    std::fs::create_dir_all(home.join("moue")).unwrap();
    let text = r#"{"introduced": true, "timeline": false, "overlay": false, "window": [640, 420]}"#;
    std::fs::write(home.join("moue/settings.json"), text).unwrap();
    home
}

fn start(display: &Display, home: &Path) -> Running {
    let log = std::fs::File::create(out().join("window.log")).unwrap();
    Running(
        moue(&["--threads", "1", "--detector", "rustface", "--source", &format!("camera:{VIVID_ID}")])
            .env("DISPLAY", &display.name)
            .env_remove("WAYLAND_DISPLAY")
            .env("XDG_CONFIG_HOME", home)
            // The emulation has no wider vectors than this.
            .env("LP_NATIVE_VECTOR_WIDTH", "128")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap(),
    )
}

pub(crate) fn live() -> Outcome {
    let display = Display::start();
    let begin = Instant::now();
    let mut program = start(&display, &settings());
    let mut seen = |what: &str, name: &str, test: &dyn Fn(f64) -> bool| {
        let start = Instant::now();
        wait_for(what, || {
            assert!(program.0.try_wait().unwrap().is_none(), "the program ended, see window.log");
            std::thread::sleep(std::time::Duration::from_millis(500));
            test(bars(&display.screen(name))).then_some(())
        });
        start.elapsed().as_secs_f64()
    };
    seen("the picture in the window", "window-live.png", &|share| share > 0.08);
    let shown = begin.elapsed().as_secs_f64();
    // No buffer comes any more, as with a camera that hangs.
    tool("v4l2-ctl -d0 -c percentage_of_dropped_buffers=100");
    let dimmed = seen("the dimmed picture", "window-no-signal.png", &|share| share < 0.01);
    tool("v4l2-ctl -d0 -c percentage_of_dropped_buffers=0");
    let again = seen("the picture after the silence", "window-again.png", &|share| share > 0.08);
    assert!(holds(program.0.id(), "/dev/video0"));
    program.signal("TERM");
    let asked = Instant::now();
    let status = wait_for("the end of the program", || program.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    let ended = asked.elapsed().as_secs_f64();
    assert!(!holds(program.0.id(), "/dev/video0"));
    Outcome::Passed(format!(
        "picture after {shown:.0} s, dimmed after {dimmed:.0} s of silence, again after {again:.0} s, ended \
         {ended:.1} s after it was asked; see window-*.png"
    ))
}
