//! The window's size and position: remembered, and restored where a screen is still there.

use std::time::{Duration, Instant};

use eframe::egui::{self, Rect, ViewportCommand, pos2, vec2};

use crate::settings::Settings;

/// Height of a title bar in points.
const TITLE_BAR: f32 = 32.0;
/// How much of the title bar has to be on a screen, in points, so that the window can be moved with the mouse.
const VISIBLE: [f32; 2] = [100.0, 20.0];
/// A window that is being moved or resized is saved only after this long in one place.
const RESTS_AFTER: Duration = Duration::from_secs(1);

/// Sizes and position in points.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placement {
    size: [f32; 2],
    /// Upper left corner with the frame; `None` where the system does not say (Wayland).
    position: Option<[f32; 2]>,
    panel_width: f32,
}

impl Placement {
    fn store(self, settings: &mut Settings) {
        settings.window = Some(self.size);
        settings.position = self.position.or(settings.position);
        settings.panel_width = self.panel_width;
    }

    fn is_stored(&self, settings: &Settings) -> bool {
        let mut same = settings.clone();
        self.store(&mut same);
        (same.window, same.position, same.panel_width)
            == (settings.window, settings.position, settings.panel_width)
    }
}

/// Follows the window. Holds a placement that is not in the settings yet, and since when the window is there.
#[derive(Debug, Default)]
pub(super) struct PlacementTracker(Option<(Instant, Placement)>);

impl PlacementTracker {
    /// Looks where the window is. Its placement goes into the settings once it has rested there for a second.
    pub(super) fn follow(&mut self, ctx: &egui::Context, panel_width: f32, settings: &mut Settings) {
        let viewport = ctx.input(|i| i.viewport().clone());
        if viewport.fullscreen.unwrap_or(false) || viewport.minimized.unwrap_or(false) {
            return;
        }
        settings.maximized = viewport.maximized.unwrap_or(false);
        let Some(inner) = viewport.inner_rect.filter(|_| !settings.maximized) else { return };
        let place = Placement {
            size: [inner.width().round(), inner.height().round()],
            position: viewport.outer_rect.map(|outer| [outer.left().round(), outer.top().round()]),
            panel_width: panel_width.round(),
        };
        if place.is_stored(settings) {
            self.0 = None;
            return;
        }
        match self.0 {
            Some((since, there)) if there == place => {
                if since.elapsed() > RESTS_AFTER {
                    place.store(settings);
                }
            }
            _ => {
                self.0 = Some((Instant::now(), place));
                ctx.request_repaint_after(RESTS_AFTER + Duration::from_millis(100));
            }
        }
    }

    /// Puts a placement into the settings without waiting: the window is closing.
    pub(super) fn flush(&mut self, settings: &mut Settings) {
        if let Some((_, place)) = self.0.take() {
            place.store(settings);
        }
    }
}

/// Puts the window where it was when the program was closed. `screens`: all there are, in points.
pub(super) fn restore(ctx: &egui::Context, settings: &Settings, screens: &[Rect]) {
    if let Some([width, height]) = settings.window {
        ctx.send_viewport_cmd(ViewportCommand::InnerSize(vec2(width, height)));
    }
    let width = settings.window.map_or(TITLE_BAR, |[width, _]| width);
    if let Some(position) = settings.position.filter(|at| can_be_moved(*at, width, screens)) {
        ctx.send_viewport_cmd(ViewportCommand::OuterPosition(position.into()));
    }
    if settings.maximized {
        ctx.send_viewport_cmd(ViewportCommand::Maximized(true));
    }
}

/// Whether enough of a window's upper edge, by which it is moved, lies on a screen.
fn can_be_moved(position: [f32; 2], width: f32, screens: &[Rect]) -> bool {
    let title_bar = Rect::from_min_size(position.into(), vec2(width, TITLE_BAR));
    screens.iter().any(|screen| {
        let seen = screen.intersect(title_bar);
        seen.width() >= VISIBLE[0] && seen.height() >= VISIBLE[1]
    })
}

/// The screens of this machine in points, as the window will count them with this zoom.
pub(super) fn screens(creation: &eframe::CreationContext<'_>, zoom: f32) -> Vec<Rect> {
    let Some(window) = creation.winit_window() else { return Vec::new() };
    let pixels_per_point = window.scale_factor() as f32 * zoom;
    let in_points = |x: f32, y: f32| pos2(x, y) / pixels_per_point;
    let monitors = window.available_monitors();
    monitors
        .map(|monitor| {
            let (at, size) = (monitor.position(), monitor.size());
            let size = vec2(size.width as f32, size.height as f32) / pixels_per_point;
            Rect::from_min_size(in_points(at.x as f32, at.y as f32), size)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_not_put_where_it_cannot_be_moved_from() {
        let left = Rect::from_min_size(pos2(0.0, 0.0), vec2(1920.0, 1080.0));
        let right = Rect::from_min_size(pos2(1920.0, 200.0), vec2(1280.0, 1024.0));
        for (position, with_both, with_one) in [
            ([100.0, 100.0], true, true),
            // On the screen that is gone.
            ([2100.0, 300.0], true, false),
            // Its bar is above, left of, or below everything.
            ([300.0, -40.0], false, false),
            ([-1150.0, 10.0], false, false),
            ([100.0, 1075.0], false, false),
            // Partly outside is fine.
            ([-900.0, 10.0], true, true),
            ([1850.0, 300.0], true, false),
        ] {
            assert_eq!(can_be_moved(position, 1180.0, &[left, right]), with_both, "{position:?}");
            assert_eq!(can_be_moved(position, 1180.0, &[left]), with_one, "{position:?}");
            assert!(!can_be_moved(position, 1180.0, &[]), "no screen is known");
        }
    }

    #[test]
    fn without_a_position_from_the_system_the_saved_one_stays() {
        let mut settings = Settings { position: Some([10.0, 20.0]), ..Settings::default() };
        let place = Placement { size: [900.0, 700.0], position: None, panel_width: 300.0 };
        assert!(!place.is_stored(&settings));
        place.store(&mut settings);
        assert!(place.is_stored(&settings));
        assert_eq!((settings.window, settings.position), (Some([900.0, 700.0]), Some([10.0, 20.0])));
    }
}
