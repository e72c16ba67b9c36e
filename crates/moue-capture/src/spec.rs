//! What the user may write after `--source`.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Which source to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SourceSpec {
    /// The first working camera, else the demo.
    #[default]
    Auto,
    /// A camera: the first working one, or the one whose name or path is given.
    Camera(Option<String>),
    /// The built-in demo.
    Demo,
    /// A picture, GIF, video, or a folder of pictures.
    Path(PathBuf),
    /// Several pictures, one after the other. Only the window and the command line make it; it has no written form of its own.
    Files(Vec<PathBuf>),
}

impl SourceSpec {
    /// One file or several; `None` without any.
    #[must_use]
    pub fn of_files(mut files: Vec<PathBuf>) -> Option<Self> {
        match files.len() {
            0 => None,
            1 => files.pop().map(Self::Path),
            _ => Some(Self::Files(files)),
        }
    }

    /// Whether it is one file or several, or a folder.
    #[must_use]
    pub fn is_files(&self) -> bool {
        matches!(self, Self::Path(_) | Self::Files(_))
    }
}

impl FromStr for SourceSpec {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            // As other programs number cameras.
            "camera" | "0" => Self::Camera(None),
            "demo" => Self::Demo,
            _ => match text.strip_prefix("camera:") {
                Some(name) => Self::Camera(Some(name.to_owned())),
                None => Self::Path(PathBuf::from(text)),
            },
        })
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Camera(None) => f.write_str("camera"),
            Self::Camera(Some(name)) => write!(f, "camera:{name}"),
            Self::Demo => f.write_str("demo"),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Files(files) => {
                let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}
