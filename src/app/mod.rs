//! The egui window. Nothing outside this module knows egui.
