use moue_detect::FaceBox;

use super::*;
use crate::record::folder::{FACES_FILE, SESSION_FILE};
use crate::record::rows::FaceRow;
use crate::record::session::RecordedSource;

fn options(parent: &Path) -> RecorderOptions {
    RecorderOptions {
        parent: parent.to_owned(),
        source: RecordedSource {
            name: "test".into(),
            kind: "camera".into(),
            width: Some(64),
            height: Some(48),
            frame_rate: Some(30.0),
            conversion: None,
        },
        source_path: None,
        analysis: None,
        time_base: Default::default(),
        model: None,
        settings: RecordedSettings {
            from_s: 0.0,
            smoothing_ms: 250.0,
            lead: 0.08,
            unsure_below: 0.4,
            baseline: false,
        },
        profile: None,
        words: crate::record::SessionWords { name: "first try".into(), notes: " ".into() },
        video: None,
    }
}

fn model(sha256: &str) -> ModelInfo {
    ModelInfo {
        read_as: moue_model::ReadOptions::default(),
        name: format!("{sha256}.safetensors"),
        path: None,
        sha256: sha256.into(),
        blocks: 1,
        parameters: 1,
        input_size: 144,
        device: "CPU".into(),
        metadata: Default::default(),
    }
}

fn rows(time_s: f64) -> ResultRows {
    ResultRows(vec![FaceRow {
        source: "camera".into(),
        time_s,
        frame: 1,
        size_px: (640, 480),
        id: 1,
        face: FaceBox { x: 0.0, y: 0.0, width: 9.0, height: 9.0 },
        detection_score: 3.0,
        raw: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        shown: None,
        quality: None,
        reasons: Vec::new(),
        measured: None,
        age_ms: Some(20.0),
        stamp: Default::default(),
        personal: None,
    }])
}

fn session(folder: &Path) -> Session {
    serde_json::from_str(&std::fs::read_to_string(folder.join(SESSION_FILE)).unwrap()).unwrap()
}

fn wait_for(what: &str, ready: impl Fn() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn rows_are_on_disk_while_it_records_and_counted_at_the_end() {
    let parent = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(options(parent.path()), || {}).unwrap();
    let folder = recorder.folder().to_owned();
    assert_eq!(session(&folder).status, SessionStatus::Recording);
    let tap = recorder.tap();
    tap.push(rows(0.1), &model("a"));
    tap.push(ResultRows::default(), &model("a"));
    tap.push(rows(0.2), &model("b"));
    let lines = || std::fs::read_to_string(folder.join(FACES_FILE)).unwrap().lines().count();
    wait_for("the rows", || lines() == 3);
    // The same file, understood in another way, is another network.
    let mut said = model("b");
    said.read_as.input_size = Some(96);
    said.metadata.insert("input_size".into(), "96".into());
    tap.push(ResultRows::default(), &said);
    recorder.set_settings(RecordedSettings { smoothing_ms: 0.0, ..options(parent.path()).settings });
    let status = recorder.finish();
    assert_eq!((status.results, status.faces, status.lost, status.finished), (4, 2, 0, true));
    assert_eq!(status.failed, None);
    let session = session(&folder);
    assert_eq!(session.status, SessionStatus::Complete);
    assert_eq!((session.results, session.faces), (Some(4), Some(2)));
    let networks: Vec<&str> = session.models.iter().map(|m| m.sha256.as_str()).collect();
    assert_eq!(networks, ["a", "b", "b"]);
    assert_eq!(session.models[1].assumed.as_deref(), Some("input 224 and class order assumed"));
    assert_eq!(session.models[1].set_by_user, None);
    assert_eq!(session.models[2].assumed.as_deref(), Some("class order assumed"));
    assert_eq!(session.models[2].set_by_user.as_deref(), Some("input 96"));
    assert_eq!(session.settings.len(), 2);
    assert!(session.settings[1].from_s > 0.0 && session.ended.is_some());
    // Nothing is taken after the end.
    assert!(!tap.takes());
    tap.push(rows(0.3), &model("b"));
    assert_eq!(lines(), 3);
}

#[test]
fn a_folder_that_goes_away_stops_the_recording_with_a_reason() {
    let parent = tempfile::tempdir().unwrap();
    let notified = Arc::new(AtomicBool::new(false));
    let on_notify = Arc::clone(&notified);
    let recorder =
        Recorder::start(options(parent.path()), move || on_notify.store(true, Ordering::SeqCst)).unwrap();
    let folder = recorder.folder().to_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    wait_for("the failure", || recorder.status().finished);
    let status = recorder.status();
    assert!(status.failed.unwrap().contains(&folder.display().to_string()));
    assert!(notified.load(Ordering::SeqCst) && !recorder.tap().takes());
}

#[test]
fn results_without_room_are_counted_and_reported_once() {
    let (items, queue) = bounded(2);
    let notified = Arc::new(AtomicU64::new(0));
    let on_notify = Arc::clone(&notified);
    let shared = Shared {
        start: Instant::now(),
        ending: AtomicBool::new(false),
        finished: AtomicBool::new(false),
        results: AtomicU64::new(0),
        faces: AtomicU64::new(0),
        lost: AtomicU64::new(0),
        left_out: AtomicU64::new(0),
        failed: Mutex::new(None),
        video_failed: Mutex::new(None),
        cut_short: Mutex::new(None),
        clocks: Mutex::new(ClockNotes::new(Default::default(), Stamp::default())),
        notify: Box::new(move || {
            on_notify.fetch_add(1, Ordering::SeqCst);
        }),
    };
    let model_seen = Arc::new(Mutex::new(Some("a".to_owned())));
    let tap = RecorderTap { shared: Arc::new(shared), items, video: None, model: model_seen };
    for i in 0..5 {
        tap.push(rows(f64::from(i)), &model("a"));
    }
    assert_eq!((tap.status().lost, notified.load(Ordering::SeqCst), queue.len()), (3, 1, 2));
}

#[test]
fn no_folder_is_an_error_and_not_a_new_folder() {
    let parent = tempfile::tempdir().unwrap();
    let gone = parent.path().join("unplugged");
    let Err(error) = Recorder::start(options(&gone), || {}) else { panic!("it recorded into nothing") };
    assert!(error.to_string().contains("unplugged"), "{error}");
    assert!(!gone.exists());
}

#[test]
fn markers_and_clocks_are_kept_beside_the_rows() {
    use crate::record::{EVENTS_FILE, MarkerOrigin, MarkerText};
    let parent = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(options(parent.path()), || {}).unwrap();
    let folder = recorder.folder().to_owned();
    assert!(!folder.join(EVENTS_FILE).exists(), "without a marker there is no file");
    let tap = recorder.tap();
    let at = Instant::now();
    tap.see(&Stamp::at(at));
    for (name, value) in [("flash", ""), ("a \"word\", cut", "1,5")] {
        let text = MarkerText::new(name, value).unwrap();
        assert!(tap.mark(IncomingMarker { at, text, origin: MarkerOrigin::Line }));
    }
    let status = recorder.finish();
    assert_eq!((status.failed, status.clock_drift), (None, None));
    let mut reader = csv::Reader::from_path(folder.join(EVENTS_FILE)).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0][3], &rows[1][3], &rows[1][4], &rows[1][5]),
        ("flash", "a \"word\", cut", "1,5", "line")
    );
    let session = session(&folder);
    assert_eq!(session.markers, 2);
    let time = session.time.unwrap();
    #[cfg(unix)]
    {
        let zero = time.zero_monotonic_ns.unwrap();
        let marker: u64 = rows[0][1].parse().unwrap();
        let time_s: f64 = rows[0][0].parse().unwrap();
        assert!((marker - zero) as f64 / 1e9 - time_s < 0.002, "{time_s} and {}", marker - zero);
    }
    assert_eq!((time.time_s_is.as_str(), time.frames_stamped_by.as_deref()), ("clock", Some("arrival")));
    assert!(time.missing[0].contains("dropped_before"));
    let none = MarkerText::new("late", "").unwrap();
    assert!(!tap.mark(IncomingMarker { at, text: none, origin: MarkerOrigin::Line }));
}
