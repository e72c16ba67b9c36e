//! What is decided about a camera of macOS or Windows without touching it: which mode to ask for, where the rows of a
//! frame begin, and what an error means. No device and no system is asked here, so Linux runs the tests.

use nokhwa::NokhwaError;
#[cfg(any(test, not(target_os = "macos")))]
use nokhwa::utils::CameraFormat;
use nokhwa::utils::{CameraIndex, FrameFormat};

use super::decode::PixelFormat;
use super::{CameraInfo, CameraMode, CaptureError, mode_cost};

/// Rows are padded to a multiple of this many bytes, at least.
const ROW_ALIGNMENT: usize = 16;
/// No driver pads a row by more bytes; where there seem to be more, the frame has another size than was said.
const MAX_PADDING: usize = 256;
/// What can be used of a camera, for messages. nokhwa 0.10 leaves out rates that are no whole number.
pub(super) const USABLE: &str = "YUYV, NV12, MJPEG or GRAY at a whole number of frames a second";

/// A mode as the device lists it.
#[cfg(any(test, target_os = "macos"))]
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListedFormat {
    pub(super) size: (u32, u32),
    pub(super) format: FrameFormat,
    /// The least and the highest rates of its ranges, in frames a second.
    pub(super) rates: Vec<f64>,
}

/// The format, if its frames can be decoded for certain. nokhwa's `RAWBGR` is left out: Media Foundation may deliver it
/// with the last row first, and does not tell through nokhwa.
pub(super) fn pixel_format(format: FrameFormat) -> Option<PixelFormat> {
    Some(match format {
        FrameFormat::YUYV => PixelFormat::Yuyv,
        FrameFormat::NV12 => PixelFormat::Nv12,
        FrameFormat::MJPEG => PixelFormat::Mjpeg,
        FrameFormat::GRAY => PixelFormat::Grey,
        FrameFormat::RAWRGB | FrameFormat::RAWBGR => return None,
    })
}

/// The best mode that Media Foundation lists, or the best one of `wanted`'s format and size. Format, size and rate
/// come from one entry of the list.
#[cfg(any(test, not(target_os = "macos")))]
pub(super) fn choose_listed(listed: &[CameraFormat], wanted: Option<&CameraMode>) -> Option<CameraFormat> {
    let size = |mode: &CameraFormat| (mode.width(), mode.height());
    listed
        .iter()
        .filter(|mode| usable(mode.format(), size(mode), f64::from(mode.frame_rate()), wanted))
        .min_by(|a, b| {
            let cost = |mode: &CameraFormat| {
                mode_cost(size(mode), Some(f64::from(mode.frame_rate())), pixel_format(mode.format()))
            };
            cost(a).total_cmp(&cost(b))
        })
        .copied()
}

/// The size and rate to ask AVFoundation for: the best ones, or the best ones of `wanted`'s size.
///
/// nokhwa 0.10's `set_all` takes the last listed format of the size, whatever its pixel format, and a rate that may
/// belong to another format of that size; AVFoundation then throws (nokhwa's pull requests 246, 248 and 249). Asked for
/// the highest rate of that last format, it cannot: this rate is the end of one of the format's own ranges. The last
/// format has to be YUV as well, because the output is asked for YUYV, which AVFoundation makes from any YUV format.
#[cfg(any(test, target_os = "macos"))]
pub(super) fn choose_for_avfoundation(
    listed: &[ListedFormat],
    wanted: Option<&CameraMode>,
) -> Option<((u32, u32), u32)> {
    let is_last = |at: usize| !listed[at + 1..].iter().any(|later| later.size == listed[at].size);
    let highest = |mode: &ListedFormat| mode.rates.iter().copied().fold(0.0, f64::max);
    listed
        .iter()
        .enumerate()
        .filter(|(at, mode)| {
            is_last(*at)
                && mode.format == FrameFormat::YUYV
                && usable(mode.format, mode.size, highest(mode), wanted)
        })
        .map(|(_, mode)| (mode.size, highest(mode)))
        .min_by(|a, b| {
            let cost = |(size, rate): &((u32, u32), f64)| mode_cost(*size, Some(*rate), None);
            cost(a).total_cmp(&cost(b))
        })
        // `set_all` finds a rate that is less than 0.999 away.
        .map(|(size, rate)| (size, rate.round() as u32))
}

fn usable(format: FrameFormat, size: (u32, u32), rate: f64, wanted: Option<&CameraMode>) -> bool {
    let is_wanted = wanted.is_none_or(|w| w.format == format.to_string() && w.size == size);
    pixel_format(format).is_some() && size.0 > 0 && size.1 > 0 && rate >= 0.5 && is_wanted
}

/// Bytes from one row to the next in a buffer of `length` bytes, which the system does not tell. 0 for JPEG.
///
/// # Errors
/// Where a frame of this size cannot have that many bytes.
pub(super) fn stride_of(
    format: PixelFormat,
    (width, height): (u32, u32),
    length: usize,
) -> Result<usize, String> {
    let (width, height) = (width as usize, height as usize);
    let Some(line) = format.line_bytes(width) else { return Ok(0) };
    let lines = if format == PixelFormat::Nv12 { height + height.div_ceil(2) } else { height };
    let wrong = || {
        let expected = line * lines;
        Err(format!("expected {expected} bytes for {width}x{height}, or a little more, found {length}"))
    };
    if lines == 0 || length < line * lines {
        return wrong();
    }
    // Bytes after the last row are no padding of rows.
    let aligned = length / lines / ROW_ALIGNMENT * ROW_ALIGNMENT;
    let stride = aligned.max(line);
    if stride - line > MAX_PADDING { wrong() } else { Ok(stride) }
}

/// The device to open. Its number may be another one's by now, so its own identifier is used where the system gives
/// one.
pub(super) fn index_of(camera: &CameraInfo) -> CameraIndex {
    let place = camera.id.strip_prefix(&camera.name).and_then(|rest| rest.strip_prefix('@'));
    match place {
        Some(place) if place != camera.path => CameraIndex::String(place.to_owned()),
        _ => {
            camera.path.parse().map_or_else(|_| CameraIndex::String(camera.path.clone()), CameraIndex::Index)
        }
    }
}

/// What nokhwa's error means for the user. Media Foundation's codes are those of Microsoft's `mferror.h` and
/// `winerror.h`; its texts are in the user's language.
pub(super) fn explain(device: &str, error: &NokhwaError) -> CaptureError {
    let device = device.to_owned();
    let reason = error.to_string();
    let upper = reason.to_uppercase();
    let has = |codes: &[&str]| codes.iter().any(|code| upper.contains(code));
    // E_ACCESSDENIED
    if has(&["0X80070005"]) {
        let advice = "allow it under Settings, Privacy & security, Camera, and there \"Let desktop apps access your camera\"";
        return CaptureError::CameraPermission { device, advice: advice.into() };
    }
    // MF_E_HW_MFT_FAILED_START_STREAMING, MF_E_VIDEO_RECORDING_DEVICE_PREEMPTED, ERROR_SHARING_VIOLATION; on macOS
    // nokhwa's own words.
    if has(&["0XC00D3704", "0XC00D3EA3", "0X80070020", "ALREADY IN USE"]) {
        return CaptureError::CameraBusy { device, holder: "another program".into() };
    }
    // MF_E_VIDEO_RECORDING_DEVICE_INVALIDATED, ERROR_DEVICE_NOT_CONNECTED; and nokhwa's own words.
    let not_there = match error {
        NokhwaError::OpenDeviceError(_, why) => {
            ["Not Found", "No device", "Device is null"].contains(&why.as_str())
        }
        _ => false,
    };
    if not_there || has(&["0XC00D3EA2", "0X8007048F"]) {
        return CaptureError::CameraUnplugged { device };
    }
    if has(&["FAILED TO FULFILL"]) {
        let offered = format!("nothing that is {USABLE}");
        return CaptureError::UnsupportedFormat { device, decodable: PixelFormat::names(), offered };
    }
    CaptureError::Camera { device, reason }
}

#[cfg(test)]
mod tests {
    use nokhwa::utils::{ApiBackend, Resolution};

    use super::*;

    fn mode(format: FrameFormat, width: u32, height: u32, rate: u32) -> CameraFormat {
        CameraFormat::new(Resolution::new(width, height), format, rate)
    }

    fn listed(format: FrameFormat, size: (u32, u32), rates: &[f64]) -> ListedFormat {
        ListedFormat { size, format, rates: rates.to_vec() }
    }

    fn wanted(format: &str, size: (u32, u32)) -> CameraMode {
        CameraMode { format: format.into(), size, decodable: true }
    }

    /// nokhwa 0.10.11's `AVCaptureDevice::set_all`, on a list: the format it takes, and the format whose range it takes.
    fn set_all(listed: &[ListedFormat], size: (u32, u32), rate: u32) -> Option<(usize, usize)> {
        let (mut format, mut range) = (None, None);
        for (at, listed) in listed.iter().enumerate().filter(|(_, l)| l.size == size) {
            format = Some(at);
            if listed.rates.iter().any(|max| (f64::from(rate) - max).abs() < 0.999) {
                range = Some(at);
            }
        }
        format.zip(range)
    }

    #[test]
    fn the_chosen_mode_is_an_entry_of_the_list_and_the_nearest_to_what_is_wanted() {
        use FrameFormat::{MJPEG, NV12, RAWBGR, YUYV};
        // 30 fps exist at 640x480 as MJPEG only, and YUYV at 30 fps in another size only: neither is mixed.
        let list = [
            mode(YUYV, 640, 480, 5),
            mode(YUYV, 320, 240, 30),
            mode(MJPEG, 640, 480, 30),
            mode(MJPEG, 1920, 1080, 30),
            mode(RAWBGR, 640, 480, 30),
        ];
        assert_eq!(choose_listed(&list, None), Some(list[2]));
        // At equal size and rate, what costs less to decode.
        let list = [mode(MJPEG, 640, 480, 30), mode(NV12, 640, 480, 30), mode(YUYV, 640, 480, 30)];
        assert_eq!(choose_listed(&list, None), Some(list[2]));
        assert_eq!(choose_listed(&list, Some(&wanted("NV12", (640, 480)))), Some(list[1]));
        assert_eq!(choose_listed(&list, Some(&wanted("NV12", (320, 240)))), None);
        assert_eq!(choose_listed(&[mode(RAWBGR, 640, 480, 30), mode(YUYV, 0, 0, 30)], None), None);
        assert_eq!(choose_listed(&[], None), None);
    }

    #[test]
    fn avfoundation_is_asked_for_the_highest_rate_of_the_last_format_of_a_size() {
        use FrameFormat::{MJPEG, YUYV};
        // The last format of 640x480 has no 30 fps: nokhwa would take that format and the first one's range.
        let trap = [listed(YUYV, (640, 480), &[30.0]), listed(YUYV, (640, 480), &[15.0])];
        assert_eq!(set_all(&trap, (640, 480), 30), Some((1, 0)), "the fault that is kept away from");
        assert_eq!(choose_for_avfoundation(&trap, None), Some(((640, 480), 15)));

        // Another size is better than 15 fps there, but not a last format that is JPEG.
        let list = [
            listed(YUYV, (640, 480), &[30.0]),
            listed(MJPEG, (640, 480), &[30.0]),
            listed(YUYV, (1280, 720), &[15.0, 29.97]),
            listed(YUYV, (1920, 1080), &[60.0]),
        ];
        assert_eq!(choose_for_avfoundation(&list, None), Some(((1280, 720), 30)));
        let asked = wanted("YUYV", (1920, 1080));
        assert_eq!(choose_for_avfoundation(&list, Some(&asked)), Some(((1920, 1080), 60)));
        assert_eq!(choose_for_avfoundation(&list, Some(&wanted("YUYV", (640, 480)))), None);
        assert_eq!(choose_for_avfoundation(&[listed(YUYV, (640, 480), &[])], None), None);
    }

    #[test]
    fn rows_begin_where_the_driver_put_them() {
        use PixelFormat::{Mjpeg, Nv12, Yuyv};
        assert_eq!(stride_of(Yuyv, (640, 480), 640 * 480 * 2), Ok(1280));
        // 1080 rows fill no whole number of pages; what is after the last one is no padding of rows.
        assert_eq!(stride_of(Yuyv, (1920, 1080), (1920 * 1080 * 2_usize).next_multiple_of(4096)), Ok(3840));
        // 1000 bytes a row, padded to 1024; NV12 has half as many rows again.
        assert_eq!(stride_of(Yuyv, (500, 100), 1024 * 100), Ok(1024));
        assert_eq!(stride_of(Nv12, (600, 100), 608 * 150), Ok(608));
        // A width that no alignment divides, without padding.
        assert_eq!(stride_of(Nv12, (604, 100), 604 * 150), Ok(604));
        assert_eq!(stride_of(Mjpeg, (640, 480), 1234), Ok(0));
        assert!(stride_of(Yuyv, (640, 480), 640 * 480).unwrap_err().contains("614400"));
        // A frame of 1280x720 is not one of 640x480 with a lot of padding.
        assert!(stride_of(Yuyv, (640, 480), 1280 * 720 * 2).is_err());
        assert!(stride_of(Yuyv, (640, 0), 10).is_err());
    }

    proptest::proptest! {
        /// Whatever a device lists, `set_all` takes the rate from the format that it takes.
        #[test]
        fn no_list_makes_nokhwa_pair_a_format_with_anothers_rate(
            list in proptest::collection::vec((0..3_u32, 0..3_usize, proptest::collection::vec(0.1..120.0, 0..4)), 0..12),
        ) {
            let formats = [FrameFormat::YUYV, FrameFormat::MJPEG, FrameFormat::RAWRGB];
            let list: Vec<ListedFormat> =
                list.into_iter().map(|(s, f, rates)| listed(formats[f], (320 << s, 240 << s), &rates)).collect();
            if let Some((size, rate)) = choose_for_avfoundation(&list, None) {
                let (format, range) = set_all(&list, size, rate).unwrap();
                proptest::prop_assert_eq!(format, range);
                proptest::prop_assert_eq!(list[format].format, FrameFormat::YUYV);
            }
        }

        /// The stride that is found reads every frame that has so many bytes.
        #[test]
        fn a_frame_with_the_stride_found_is_never_short(width in 1_u32..400, height in 1_u32..300, length in 0_usize..400_000) {
            for format in [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Grey] {
                if let Ok(stride) = stride_of(format, (width, height), length) {
                    let decoded = super::super::decode::decode(format, (width, height), stride, &vec![0; length]);
                    proptest::prop_assert!(decoded.is_ok(), "{:?}", decoded);
                }
            }
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let of = |error: NokhwaError| explain("Cam (0)", &error);
        let open = |why: &str| of(NokhwaError::OpenDeviceError("0".into(), why.into()));
        let read = |why: &str| of(NokhwaError::ReadFrameError(why.into()));
        assert!(matches!(open("Access is denied. (0x80070005)"), CaptureError::CameraPermission { .. }));
        assert!(matches!(open("Device is null"), CaptureError::CameraUnplugged { .. }));
        assert!(matches!(open("0x8007001F"), CaptureError::Camera { .. }));
        assert!(matches!(read("(0xC00D3EA2)"), CaptureError::CameraUnplugged { .. }));
        assert!(matches!(read("(0xc00d3704)"), CaptureError::CameraBusy { .. }));
        let backend = ApiBackend::AVFoundation;
        let busy = of(NokhwaError::InitializeError { backend, error: "Already in use".into() });
        assert!(matches!(busy, CaptureError::CameraBusy { .. }));
        let backend = ApiBackend::MediaFoundation;
        let error = "Failed to fulfill requested format".to_owned();
        let none = of(NokhwaError::InitializeError { backend, error });
        assert!(none.to_string().contains("YUYV") && none.to_string().contains("whole number"), "{none}");
    }

    #[test]
    fn a_device_is_opened_by_its_own_identifier() {
        let camera = |id: &str| CameraInfo {
            name: "Cam@home".into(),
            path: "1".into(),
            id: id.into(),
            formats: Vec::new(),
        };
        let link = r"\\?\usb#vid_046d&pid_082d#6&2a";
        assert_eq!(index_of(&camera(&format!("Cam@home@{link}"))), CameraIndex::String(link.into()));
        assert_eq!(index_of(&camera("Cam@home@1")), CameraIndex::Index(1));
    }
}
