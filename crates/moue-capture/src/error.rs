//! Everything that can go wrong while frames are read.

use std::path::PathBuf;

/// Why a source could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// A live source had no frame in time; it may have one later.
    #[error("{source_name}: no frame for {waited_ms} ms")]
    Timeout {
        /// The source's name.
        source_name: String,
        /// How long was waited, in milliseconds.
        waited_ms: u64,
    },
    /// A camera that was running delivers nothing; it is opened again as soon as it can be.
    #[error("{device}: no signal; waiting at most {wait_s} s for it to come back ({reason})")]
    NoSignal {
        /// The camera's name.
        device: String,
        /// Why, as far as it is known.
        reason: String,
        /// When it is given up, in seconds without a frame.
        wait_s: u64,
    },
    /// One picture or frame could not be decoded; the source goes on.
    #[error("{}: {reason}", path.display())]
    UnreadableFrame {
        /// The file, or the device's path.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
    /// The file or folder cannot be used as a source.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// Video files are decoded by the ffmpeg program, which is not installed.
    #[error(
        "{}: video files are read through the program ffmpeg, which was not found; install it (Debian, Ubuntu: \
         apt install ffmpeg; macOS: brew install ffmpeg; Windows: winget install ffmpeg) or open pictures instead",
        path.display()
    )]
    NoFfmpeg {
        /// The video.
        path: PathBuf,
    },
    /// The program ffprobe, which comes with ffmpeg, is not there, although ffmpeg is.
    #[error(
        "{}: video files are read through the programs ffmpeg and ffprobe; ffmpeg was found, ffprobe was not: install the \
         whole of ffmpeg (Debian, Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; Windows: winget install \
         ffmpeg), or put ffprobe beside it",
        path.display()
    )]
    NoFfprobe {
        /// The video.
        path: PathBuf,
    },
    /// No camera is there, or none of that name.
    #[error("{wanted}: no such camera; found: {found}")]
    NoCamera {
        /// What was asked for.
        wanted: String,
        /// The cameras that are there, or "none".
        found: String,
    },
    /// Another program uses the camera.
    #[error("{device}: the camera is in use by {holder}; close it there and try again")]
    CameraBusy {
        /// The camera's name and path.
        device: String,
        /// The program, where the system tells.
        holder: String,
    },
    /// The user may not open the camera.
    #[error("{device}: no permission to open the camera; {advice}")]
    CameraPermission {
        /// The camera's name and path.
        device: String,
        /// What to do.
        advice: String,
    },
    /// The system is asking the user whether this program may use the camera (macOS). Opening it again tells the answer.
    #[error("{device}: the system asks whether this program may use the camera; answer, then try again")]
    PermissionPending {
        /// The camera's name and path.
        device: String,
    },
    /// The camera is gone.
    #[error("{device}: the camera was unplugged; plug it in again")]
    CameraUnplugged {
        /// The camera's name and path.
        device: String,
    },
    /// The camera offers no format that can be decoded.
    #[error("{device}: no format that this program can decode ({decodable}); the camera offers: {offered}")]
    UnsupportedFormat {
        /// The camera's name and path.
        device: String,
        /// What could be decoded.
        decodable: String,
        /// What the camera offers.
        offered: String,
    },
    /// Anything else that the camera's driver said.
    #[error("{device}: {reason}")]
    Camera {
        /// The camera's name and path.
        device: String,
        /// What the system said.
        reason: String,
    },
}

impl CaptureError {
    /// What was wrong, without the file's name, which is said elsewhere.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::UnreadableFrame { reason, .. } | Self::Unusable { reason, .. } => reason.clone(),
            Self::NoFfmpeg { .. } | Self::NoFfprobe { .. } => {
                "the programs ffmpeg and ffprobe, which may know more, are not installed".into()
            }
            other => other.to_string(),
        }
    }

    /// Whether the source may deliver frames when it is asked again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::NoSignal { .. } | Self::UnreadableFrame { .. })
    }
}
