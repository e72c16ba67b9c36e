//! Threads, latest-value mailboxes and timings between the camera and the window.
