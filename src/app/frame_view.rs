//! Where a point of the frame lies on the screen.

use eframe::egui::{Pos2, Rect, Vec2, pos2, vec2};
use moue_capture::SourceKind;
use moue_detect::FaceBox;

use crate::settings::Settings;

/// Whether frames of such a source are shown mirrored.
pub(super) fn mirrored(kind: SourceKind, settings: &Settings) -> bool {
    settings.mirror && matches!(kind, SourceKind::Camera | SourceKind::Demo)
}

/// A frame, fitted into a part of the screen, mirrored or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameView {
    /// The frame on the screen, in points.
    pub rect: Rect,
    scale: f32,
    mirrored: bool,
}

impl FrameView {
    /// The largest view of a frame of `size_px` pixels that fits into `space`, in its middle.
    #[must_use]
    pub fn fit(space: Rect, size_px: (u32, u32), mirrored: bool) -> Self {
        let size = vec2(size_px.0.max(1) as f32, size_px.1.max(1) as f32);
        let scale = (space.width() / size.x).min(space.height() / size.y).max(1e-6);
        Self { rect: Rect::from_center_size(space.center(), size * scale), scale, mirrored }
    }

    /// The same frame larger by a factor, with the point `middle` (in its widths and heights) in the middle of `space`, but
    /// so that the frame leaves no part of the space empty that it can fill.
    #[must_use]
    pub fn zoomed(&self, space: Rect, factor: f32, middle: Vec2) -> Self {
        let size = self.rect.size() * factor;
        let wanted = space.center() - size * middle;
        let side = |wanted: f32, size: f32, from: f32, to: f32| {
            if size <= to - from { (from + to - size) / 2.0 } else { wanted.max(to - size).min(from) }
        };
        let left = side(wanted.x, size.x, space.left(), space.right());
        let top = side(wanted.y, size.y, space.top(), space.bottom());
        Self {
            rect: Rect::from_min_size(pos2(left, top), size),
            scale: self.scale * factor,
            mirrored: self.mirrored,
        }
    }

    /// A point of the frame, in pixels, on the screen.
    #[must_use]
    pub fn point(&self, x: f32, y: f32) -> Pos2 {
        let across = if self.mirrored {
            self.rect.right() - x * self.scale
        } else {
            self.rect.left() + x * self.scale
        };
        pos2(across, self.rect.top() + y * self.scale)
    }

    fn area(&self, x: f32, y: f32, size: Vec2) -> Rect {
        Rect::from_two_pos(self.point(x, y), self.point(x + size.x, y + size.y))
    }

    /// A face's bounding box on the screen.
    #[must_use]
    pub fn face(&self, face: &FaceBox) -> Rect {
        self.area(face.x, face.y, vec2(face.width, face.height))
    }

    /// Points that a pixel of the frame takes.
    #[must_use]
    pub fn points_per_px(&self) -> f32 {
        self.scale
    }

    /// Whether left and right are swapped.
    #[must_use]
    pub fn is_mirrored(&self) -> bool {
        self.mirrored
    }

    /// Texture coordinates that show a texture as this view does.
    #[must_use]
    pub fn uv(&self) -> Rect {
        if self.mirrored {
            Rect::from_min_max(pos2(1.0, 0.0), pos2(0.0, 1.0))
        } else {
            Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Rect {
        Rect::from_min_size(pos2(10.0, 20.0), vec2(800.0, 400.0))
    }

    #[test]
    fn the_frame_is_fitted_into_the_middle() {
        let view = FrameView::fit(space(), (400, 400), false);
        assert_eq!(view.rect, Rect::from_min_size(pos2(210.0, 20.0), vec2(400.0, 400.0)));
        assert_eq!(view.point(100.0, 50.0), pos2(310.0, 70.0));
    }

    #[test]
    fn a_mirror_swaps_left_and_right_only() {
        let view = FrameView::fit(space(), (400, 400), true);
        assert_eq!(view.point(100.0, 50.0), pos2(510.0, 70.0));
        let face = FaceBox { x: 0.0, y: 0.0, width: 100.0, height: 80.0 };
        assert_eq!(view.face(&face), Rect::from_min_size(pos2(510.0, 20.0), vec2(100.0, 80.0)));
        assert!(view.uv().left() > view.uv().right());
    }
}
