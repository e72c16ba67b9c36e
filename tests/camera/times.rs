//! Each frame has its own time: a generator numbers its frames, and notes when it wrote each.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moue::capture::{CaptureError, DriverClock, Pace, SourceSpec, Stamp, monotonic_now_ns, open_source};
use parking_lot::Mutex;

use super::Outcome;
use super::devices::{FACE_CAM, FACE_CAM_PATH, Loopback, VIVID, wait_until_fed, writer};

const SIZE: (usize, usize) = (320, 240);
/// Bits of a frame's number, as black and white columns.
const BITS: usize = 16;
const FRAMES: usize = 60;

/// A YUYV frame that shows a number.
fn numbered(number: u32) -> Vec<u8> {
    let bit = |x: usize| number >> (x * BITS / SIZE.0) & 1 == 1;
    let line: Vec<u8> = (0..SIZE.0).flat_map(|x| [if bit(x) { 235 } else { 16 }, 128]).collect();
    line.repeat(SIZE.1)
}

fn number_of(image: &image::RgbImage) -> u32 {
    let middle = |bit: usize| ((bit * 2 + 1) * SIZE.0 / BITS / 2) as u32;
    (0..BITS).filter(|bit| image.get_pixel(middle(*bit), 120)[1] > 127).map(|bit| 1 << bit).sum()
}

/// No frame has another frame's time, and the frames that were lost are counted.
pub(crate) fn own_times() -> Outcome {
    let _camera = Loopback::load(9, FACE_CAM);
    let written: Arc<Mutex<BTreeMap<u32, u64>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let feeder = {
        let (written, stop) = (Arc::clone(&written), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut device = writer(b"YUYV", SIZE.0 as u32, SIZE.1 as u32);
            for number in 1.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let frame = numbered(number);
                written.lock().insert(number, monotonic_now_ns().unwrap());
                device.write_all(&frame).unwrap();
                std::thread::sleep(Duration::from_millis(40));
            }
        })
    };
    wait_until_fed(FACE_CAM_PATH);
    let camera = SourceSpec::Camera(Some(FACE_CAM.into()));
    let mut source = open_source(&camera, Pace::Live).unwrap().source;
    let mut seen: Vec<(u32, Stamp)> = Vec::new();
    while seen.len() < FRAMES {
        match source.next_frame() {
            Ok(Some(frame)) => seen.push((number_of(&frame.image), frame.stamp)),
            Ok(None) => panic!("the camera ended"),
            Err(CaptureError::Timeout { .. }) => {}
            Err(e) => panic!("{e}"),
        }
        // A slow reader now and then: frames are lost, and must be counted.
        if seen.len().is_multiple_of(20) {
            std::thread::sleep(Duration::from_millis(600));
        }
    }
    drop(source);
    stop.store(true, Ordering::Relaxed);
    feeder.join().unwrap();
    let written = written.lock();
    let mut late_ms: Vec<f64> = Vec::new();
    for (number, stamp) in &seen {
        let at = written[number];
        let stamped = stamp.monotonic_ns.unwrap();
        // Not before it was written; and the write of every later frame lies after it.
        assert!(
            stamped + 1_000_000 >= at,
            "frame {number} has a time {} ms before it was",
            (at - stamped) / 1_000_000
        );
        if let (Some(next), Some(driver)) = (written.get(&(number + 1)), stamp.driver)
            && driver.clock == DriverClock::Monotonic
        {
            assert!(
                stamped <= next + 1_000_000,
                "frame {number} has a time of frame {} or later",
                number + 1
            );
        }
        late_ms.push((stamped - at.min(stamped)) as f64 / 1e6);
    }
    let mut lost = 0;
    // v4l2loopback numbers the first frame that a reader gets as it likes.
    for pair in seen[1..].windows(2) {
        let missing = u64::from(pair[1].0 - pair[0].0 - 1);
        lost += missing;
        let counted = |stamp: &Stamp| stamp.driver.and_then(|d| d.dropped);
        if let (Some(before), Some(after)) = (counted(&pair[0].1), counted(&pair[1].1)) {
            assert_eq!(after - before, missing, "between {} and {}", pair[0].0, pair[1].0);
        }
    }
    late_ms.sort_by(f64::total_cmp);
    let clock = seen[0].1.driver.map_or("no driver's time", |d| d.clock.name());
    let vivid = driver_times();
    let median = late_ms[FRAMES / 2];
    Outcome::Passed(format!(
        "vivid: {vivid}; FaceCam: {FRAMES} frames, {lost} lost, clock {clock}, median {median:.1} ms after writing"
    ))
}

/// The times of a driver that keeps to the monotonic clock, as USB cameras' do, are the frames' own.
fn driver_times() -> String {
    let mut source = open_source(&SourceSpec::Camera(Some(VIVID.into())), Pace::Live).unwrap().source;
    let mut last = None;
    let mut ways_ms: Vec<f64> = Vec::new();
    while ways_ms.len() < 20 {
        let stamp = match source.next_frame() {
            Ok(Some(frame)) => frame.stamp,
            Ok(None) => panic!("the camera ended"),
            Err(CaptureError::Timeout { .. }) => continue,
            Err(e) => panic!("{e}"),
        };
        let driver = stamp.driver.unwrap();
        assert_eq!(driver.clock, DriverClock::Monotonic, "{stamp:?}");
        assert!((stamp.monotonic_ns.unwrap() as i64 - driver.time_ns).abs() < 1_000_000, "{stamp:?}");
        assert!(
            last.is_none_or(|(number, time)| driver.sequence > number && driver.time_ns > time),
            "{stamp:?}"
        );
        last = Some((driver.sequence, driver.time_ns));
        ways_ms.push((driver.received_ns as i64 - driver.time_ns) as f64 / 1e6);
    }
    ways_ms.sort_by(f64::total_cmp);
    format!("clock monotonic, median {:.1} ms until they came", ways_ms[10])
}
