//! Opens the window on this desktop, and closes it on Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use eframe::egui;

use super::options::AppOptions;
use super::picker::SystemPicker;
use super::triggers::TriggerSink;
use super::window::MoueApp;
use super::window_placement;
use crate::pipeline::{Origins, ResultTap, Stopper};
use crate::record::IncomingMarker;
use crate::settings::SettingsFile;

/// Why the window could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The session has no display.
    #[error(
        "no display found: the window needs a desktop session (X11 or Wayland; DISPLAY or WAYLAND_DISPLAY is set there). \
         Without one, `moue analyze` does the same in a terminal"
    )]
    NoDisplay,
    /// Neither graphics interface works.
    #[error(
        "the window cannot be opened: {first}; {second}. It needs a display (X11 or Wayland) and a graphics \
         driver; a software renderer is enough (Debian, Ubuntu: apt install mesa-vulkan-drivers libgl1)"
    )]
    NoWindow {
        /// What the first one said.
        first: String,
        /// What the other one said.
        second: String,
    },
}

/// What else gets what the window reads.
#[derive(Clone, Default)]
pub struct Taps {
    /// Every result, on the analysis thread; must return at once.
    pub results: Option<Arc<ResultTap>>,
    /// Triggers that write a line, on the UI thread; must return at once.
    pub triggers: Option<Arc<TriggerSink>>,
    /// Markers that other programs send.
    pub markers: Option<Receiver<IncomingMarker>>,
}

/// Opens the window and returns when it is closed. Ctrl-C and a request to end close it too. `taps` get what it
/// reads.
///
/// # Errors
/// [`AppError`] when there is no display or no graphics driver, not even one in software.
pub fn run(options: AppOptions, taps: Taps) -> Result<(), AppError> {
    run_from(options, taps, &Origins::default())
}

/// As [`run`], with sources and weights of other origins.
///
/// # Errors
/// As [`run`].
pub fn run_from(options: AppOptions, taps: Taps, origins: &Origins) -> Result<(), AppError> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"].into_iter().any(set) {
        return Err(AppError::NoDisplay);
    }
    let (first, second) = RENDERERS;
    let first_error = match open(options.clone(), taps.clone(), origins.clone(), first) {
        Ok(()) => return Ok(()),
        Err(e) => e.to_string(),
    };
    tracing::info!("no window with {first}, trying {second}: {first_error}");
    open(options, taps, origins.clone(), second)
        .map_err(|e| AppError::NoWindow { first: first_error, second: format!("with {second}: {e}") })
}

/// The graphics interface that is tried first, and the other one. On Linux without a graphics card, Mesa's OpenGL in
/// software keeps up with the camera (measured on two cores: 30 frames a second, its Vulkan 9). On other systems OpenGL is
/// old or absent.
const RENDERERS: (eframe::Renderer, eframe::Renderer) = if cfg!(target_os = "linux") {
    (eframe::Renderer::Glow, eframe::Renderer::Wgpu)
} else {
    (eframe::Renderer::Wgpu, eframe::Renderer::Glow)
};

/// The window's name for the desktop, which finds icon and menu entry by it (packaging/linux).
const APP_ID: &str = "io.github.moue.moue";

/// The picture in title bars and task lists.
fn icon() -> egui::IconData {
    // An embedded file, which a test reads; without it eframe shows its own.
    eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon/128.png")).unwrap_or_default()
}

fn open(options: AppOptions, taps: Taps, origins: Origins, renderer: eframe::Renderer) -> eframe::Result {
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("moue")
            .with_app_id(APP_ID)
            .with_icon(icon())
            .with_inner_size([1180.0, 740.0])
            .with_min_inner_size([640.0, 420.0])
            .with_drag_and_drop(true),
        renderer,
        ..Default::default()
    };
    eframe::run_native(
        "moue",
        native,
        Box::new(move |creation| {
            let ctx = &creation.egui_ctx;
            let file = options.settings.then(SettingsFile::of_user).flatten();
            let mut app =
                MoueApp::from_origins(ctx, options, file, Box::new(SystemPicker::default()), origins)?;
            app.set_result_tap(taps.results);
            app.set_trigger_sink(taps.triggers);
            app.set_system_language(&sys_locale::get_locale().unwrap_or_default());
            app.set_markers(taps.markers);
            window_placement::restore(
                ctx,
                app.settings(),
                &window_placement::screens(creation, app.settings().zoom),
            );
            close_on_signals(ctx, app.live().stopper());
            Ok(Box::new(app))
        }),
    )
}

/// The window closes in a fraction of a second. After this time, on a busy machine, the process is ended.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

fn close_on_signals(ctx: &egui::Context, pipeline: Stopper) {
    let asked = Arc::new(AtomicBool::new(false));
    let ctx = ctx.clone();
    let handler = move || {
        // A second Ctrl-C ends the program at once.
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        // Releases the camera at once, however long the window takes to close.
        pipeline.stop();
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        ctx.request_repaint();
        // A window that the system does not draw (minimised, for example) would never get the command.
        let waiting = std::thread::Builder::new().name("ending".into()).spawn(|| {
            std::thread::sleep(CLOSE_WITHIN);
            std::process::exit(0);
        });
        if let Err(e) = waiting {
            tracing::warn!("no thread to wait for the end: {e}");
        }
    };
    // Fails on the second attempt, with the other graphics interface: the handler is set already.
    if let Err(e) = ctrlc::set_handler(handler) {
        tracing::debug!("no handler for Ctrl-C: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_has_its_icon() {
        let icon = icon();
        assert_eq!((icon.width, icon.height), (128, 128));
        assert!(icon.rgba.chunks(4).any(|pixel| pixel[3] == 255));
    }
}
