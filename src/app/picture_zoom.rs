//! How much of the picture is seen: all of it, or a part that the user zoomed to.

use eframe::egui::{Pos2, Rect, Vec2, vec2};

use super::frame_view::FrameView;

/// Largest zoom.
const MOST: f32 = 12.0;

/// A zoom of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PictureZoom {
    /// How many times larger than all of it would be, 1 and more.
    factor: f32,
    /// The middle of what is seen, in widths and heights of the picture as it is shown.
    middle: Vec2,
}

impl Default for PictureZoom {
    /// All of the picture is seen.
    fn default() -> Self {
        Self { factor: 1.0, middle: vec2(0.5, 0.5) }
    }
}

impl PictureZoom {
    /// Whether all of the picture is seen.
    pub(super) fn is_fit(&self) -> bool {
        self.factor <= 1.0
    }

    /// How many times larger than all of it would be.
    pub(super) fn factor(&self) -> f32 {
        self.factor
    }

    /// The view of a frame in `space`.
    pub(super) fn view(&self, space: Rect, size_px: (u32, u32), mirrored: bool) -> FrameView {
        FrameView::fit(space, size_px, mirrored).zoomed(space, self.factor, self.middle)
    }

    /// Larger by a factor; what is at `at` stays there.
    pub(super) fn zoomed(&self, view: &FrameView, space: Rect, at: Pos2, by: f32) -> Self {
        let factor = (self.factor * by).clamp(1.0, MOST);
        let by = factor / self.factor;
        let size = view.rect.size().max(Vec2::splat(1.0));
        let under = (at - view.rect.min) / size;
        // From the point under the pointer to the middle of what is seen, in the picture's new size.
        let middle = under + (space.center() - at) / (size * by);
        Self { factor, middle }.within()
    }

    /// Moved by so many points.
    pub(super) fn moved(&self, view: &FrameView, by: Vec2) -> Self {
        let size = view.rect.size().max(Vec2::splat(1.0));
        Self { factor: self.factor, middle: self.middle - by / size }.within()
    }

    fn within(self) -> Self {
        if self.is_fit() {
            return Self::default();
        }
        let middle = self.middle.clamp(Vec2::ZERO, Vec2::splat(1.0));
        Self { middle, ..self }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::pos2;

    use super::*;

    #[test]
    fn what_is_under_the_pointer_stays_there_and_the_picture_leaves_no_gap() {
        let space = Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 300.0));
        for mirrored in [false, true] {
            let (size, at) = ((400, 300), pos2(110.0, 95.0));
            let fit = PictureZoom::default();
            let view = fit.view(space, size, mirrored);
            let zoom = fit.zoomed(&view, space, at, 2.0);
            let closer = zoom.view(space, size, mirrored);
            assert_eq!(closer.rect.size(), vec2(800.0, 600.0));
            let share = |view: &FrameView| (at - view.rect.min) / view.rect.size();
            assert!((share(&view) - share(&closer)).length() < 1e-3);
            // Dragged far away it stops at its edge.
            let far = zoom.moved(&closer, vec2(5000.0, 5000.0)).view(space, size, mirrored);
            assert_eq!(far.rect.min, space.min);
            assert_eq!(zoom.zoomed(&closer, space, at, 0.1), PictureZoom::default());
        }
    }
}
