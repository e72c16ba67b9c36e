//! Clicks that hit. What has just appeared is laid out once more when its size is known, and moves: a click at its first
//! place would miss it.
#![allow(dead_code, reason = "each test file uses a part")]

use eframe::egui::Rect;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

/// Clicks what has this label, once it stands still.
pub fn click<S>(harness: &mut Harness<'_, S>, label: &str) {
    stand_still(harness, label, |h| h.get_by_label(label).rect());
    harness.get_by_label(label).click();
}

/// Clicks what has this text in its label, once it stands still.
pub fn click_containing<S>(harness: &mut Harness<'_, S>, text: &str) {
    stand_still(harness, text, |h| h.get_by_label_contains(text).rect());
    harness.get_by_label_contains(text).click();
}

fn stand_still<S>(harness: &mut Harness<'_, S>, label: &str, place: impl Fn(&Harness<'_, S>) -> Rect) {
    let mut last = None;
    for _ in 0..100 {
        let now = place(harness);
        if last.replace(now) == Some(now) {
            return;
        }
        harness.step();
    }
    panic!("{label:?} does not stand still");
}
