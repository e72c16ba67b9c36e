//! Stands for the system's file dialog.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use moue::app::{FilePicker, Request};

/// Chooses the file or folder that the test put there, once.
#[derive(Clone, Default)]
pub struct TestPicker {
    /// What is chosen next.
    pub answer: Rc<RefCell<Option<PathBuf>>>,
    /// What was asked for.
    pub asked: Rc<RefCell<Vec<Request>>>,
    open: Rc<RefCell<Option<Request>>>,
}

impl FilePicker for TestPicker {
    fn open(&mut self, request: Request, _start: Option<&std::path::Path>) {
        self.asked.borrow_mut().push(request);
        *self.open.borrow_mut() = Some(request);
    }

    fn is_open(&self) -> bool {
        self.open.borrow().is_some()
    }

    fn close(&mut self) -> bool {
        self.open.borrow_mut().take().is_some()
    }

    fn show(&mut self, _ctx: &eframe::egui::Context) -> Option<(Request, PathBuf)> {
        let request = self.open.borrow_mut().take()?;
        Some((request, self.answer.borrow_mut().take()?))
    }
}
