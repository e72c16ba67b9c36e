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
        }
    }
}
