//! The egui window. Nothing outside this module knows egui.
//!
//! Each pass goes one way: `update` brings the one `state` up to date, the views draw it and return `command`s, and
//! `apply` carries these out. The groups below are listed from the bottom up: a group uses those before it, and no two
//! modules use one another (`tests/architecture.rs`).

// The window's texts.
mod language;
mod system_fonts;

// What is drawn, and how.
mod density;
mod file_dialog;
mod frame_texture;
mod frame_view;
mod labels;
mod names;
mod options;
mod overlay;
mod overlay_painter;
mod picker;
mod picture_zoom;
mod signs;
mod terms;
mod theme;
mod widgets;

// What can be asked for.
mod command;
mod shortcuts;

// State.
mod contact;
mod copying;
mod happening;
mod history;
mod marker_form;
mod model_card;
mod model_form;
mod naming;
mod opened_files;
mod persistence;
mod playlist;
mod question;
mod rates;
mod recordings;
mod samples;
mod selection;
mod session_form;
mod sheets;
mod spoken;
mod start_log;
mod state;
mod teach;
mod toasts;
mod triggers;
mod window_placement;

// Changes of the state.
mod apply;
mod folder_commands;
mod language_choice;
mod record_commands;
mod teach_commands;
mod update;

// Views.
mod assumed;
mod baseline;
mod contact_sheet;
mod face_menu;
mod folder_bar;
mod introduction;
mod measurements;
mod menu;
mod menu_keys;
mod panel;
mod people;
mod personal_card;
mod playback;
mod preview;
mod stage;
mod stage_overlays;
mod timeline;
mod timeline_bands;
mod timeline_legend;

// The window itself.
mod launch;
mod window;

pub use crate::settings::{
    ColourMap, LanguageChoice, OverlayMode, Settings, SettingsFile, ThemeChoice, WeightsSaid,
};
pub use frame_view::FrameView;
pub use launch::{AppError, Taps, run, run_from};
pub use options::AppOptions;
pub use picker::{FilePicker, Request, SystemPicker};
pub use triggers::TriggerSink;
pub use window::MoueApp;
