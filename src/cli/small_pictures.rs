//! Tells pictures that already are one face from those in which none is found.

use moue_capture::SourceKind;

use crate::pipeline::AnalyzedFrame;

/// Pictures with shorter sides may each be one face that was cut out already: FER-2013's have 48 pixels, RAF-DB's 100.
const CROPPED_PX: u32 = 112;
/// Where fewer of them than this share show a face, they are.
const FEW_FACES: f64 = 0.2;

/// Counts small pictures, and those of them with a face.
#[derive(Debug, Default)]
pub(super) struct SmallPictures {
    all: u64,
    with_face: u64,
}

impl SmallPictures {
    pub(super) fn see(&mut self, kind: SourceKind, result: &AnalyzedFrame) {
        let (width, height) = result.frame.image.dimensions();
        if kind == SourceKind::Still && width.max(height) <= CROPPED_PX {
            self.all += 1;
            self.with_face += u64::from(!result.faces.is_empty());
        }
    }

    /// What to do about pictures in which no face is found because they are nothing else.
    pub(super) fn hint(&self, cropped: bool) -> Option<String> {
        let few = self.with_face as f64 <= FEW_FACES * self.all as f64;
        (!cropped && self.all > 0 && few).then(|| {
            format!(
                "a face was found in {} of {} pictures of at most {CROPPED_PX}x{CROPPED_PX} pixels; where each of them already is one \
                 face, as in FER-2013, add --cropped",
                self.with_face, self.all
            )
        })
    }
}
