//! `moue report --methods`: a methods paragraph with the recording's own settings and figures, and a text for participants.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::summary::Summary;
use crate::record::error::RecordError;
use crate::record::folder::{FACES_FILE, SESSION_FILE};
use crate::record::session::Session;

/// The texts as Markdown. `figures`: what the weights file says of itself, where it is at hand and its SHA-256 is the recorded one.
///
/// # Errors
/// [`RecordError`] where the recording cannot be read.
pub fn methods(folder: &Path, figures: Option<&BTreeMap<String, String>>) -> Result<String, RecordError> {
    let session = Session::read(&folder.join(SESSION_FILE))?;
    let summary = Summary::read(&folder.join(FACES_FILE))?;
    let mut text = String::from("# Methods (draft from the recording)\n\n");
    text.push_str(&paragraph(&session, &summary, figures));
    text.push_str("\n# Information for participants (draft)\n\n");
    text.push_str(&participants(&session));
    Ok(text)
}

fn paragraph(session: &Session, summary: &Summary, figures: Option<&BTreeMap<String, String>>) -> String {
    let mut text = String::new();
    // Writing to text in memory cannot fail.
    let mut say = |sentence: String| {
        let _ = write!(text, "{}{sentence}", if text.is_empty() { "" } else { " " });
    };
    let source = match session.source.kind.as_str() {
        "camera" => "a camera",
        "demo" => "the program's built-in demonstration (no data of a study)",
        "pictures" => "pictures",
        _ => "a video file",
    };
    let size = session.source.width.zip(session.source.height);
    let size = size.map_or_else(String::new, |(w, h)| format!(" of {w} by {h} pixels"));
    let rate = session.source.frame_rate.map_or_else(String::new, |r| format!(" at {r:.2} frames a second"));
    say(format!(
        "Facial expressions were read with {} {} from {source}{size}{rate}, on this computer and without sending pictures over a network.",
        session.program.name, session.program.version
    ));
    let (machine, analysis) = (session.machine.as_ref(), session.analysis.as_ref());
    if let Some(machine) = machine {
        let processor = machine.processor.as_deref().unwrap_or("a processor that the system does not name");
        say(format!("It ran on {} ({}), {processor}.", machine.system, machine.architecture));
        if let Some(ffmpeg) = &machine.ffmpeg {
            say(format!("Videos were decoded by {}.", ffmpeg.split(" Copyright").next().unwrap_or(ffmpeg)));
        }
    }
    match analysis {
        Some(a) => {
            let which = match (a.fps, a.every) {
                (Some(fps), _) => format!("at most {fps} frames of each second"),
                (None, 1) => "every frame".to_owned(),
                (None, n) => format!("one of {n} frames"),
            };
            say(format!(
                "Of the source {which} was analysed; faces were found by the detector setting \"{}\".",
                a.detector
            ));
        }
        None => {
            say("Frames were analysed as fast as the computer allowed; those in between were not.".into())
        }
    }
    for model in &session.models {
        say(format!(
            "The network {} (AttentionEmotionNet, input {} pixels, SHA-256 {}) gives each face in each frame a probability for angry, \
             disgust, fear, happy, neutral, sad and surprise.",
            model.name, model.input_size, model.sha256
        ));
    }
    if let Some(figures) = figures {
        let value = |key: &str| figures.get(key).map(String::as_str);
        if let (Some(accuracy), Some(f1)) = (value("test_accuracy"), value("test_macro_f1")) {
            let ece =
                value("test_ece").map_or_else(String::new, |e| format!(", expected calibration error {e}"));
            say(format!(
                "On the test pictures of its training data set it agrees with the label in a share of {accuracy} (macro F1 {f1}{ece}); \
                 its accuracy on the faces and under the conditions of this study was not measured, nor by skin tone, age or sex."
            ));
        }
    }
    let settings = session.settings.first();
    if let Some(s) = settings {
        let smoothing = if s.smoothing_ms > 0.0 {
            format!("averaged exponentially with a time constant of {:.0} ms", s.smoothing_ms)
        } else {
            "not averaged over time".to_owned()
        };
        say(format!(
            "For the labels, probabilities were {smoothing}; the label is \"unsure\" where the leading one is under {:.0} %, and changes for a lead of \
             {:.0} percentage points. {}",
            s.unsure_below * 100.0,
            s.lead * 100.0,
            if session.settings.iter().any(|s| s.baseline) {
                "A person's neutral baseline was taken out first."
            } else {
                "No personal baseline was used."
            }
        ));
    }
    let seconds = summary.span_s.1 - summary.span_s.0;
    let frames = session.results.map_or_else(String::new, |n| format!("{n} frames were analysed; "));
    say(format!(
        "{frames}{} readings of {} faces (tracked numbers, not identities) over {seconds:.1} s are in the data.",
        summary.counts.rows,
        summary.people.len()
    ));
    if let Some(time) = &session.time {
        match time.frames_stamped_by.as_deref() {
            Some("driver") => {
                say("Each reading has the camera driver's time of its frame on the system's monotonic clock."
                    .into())
            }
            Some(_) => {
                say("Each reading has the time of its frame's arrival on the system's monotonic clock."
                    .into())
            }
            // A file that was played in the window and recorded there.
            None if time.time_s_is == "clock" => {
                say("Each reading has the time since the recording began at which its frame was played, not that of the file.".into())
            }
            None => say("Each reading has the time that the file gives its frame.".into()),
        }
        let drift = time.checks.iter().filter_map(|c| c.drift_ms_a_minute).map(f64::abs).fold(0.0, f64::max);
        if time.checks.len() > 1 {
            say(format!(
                "The camera's clock drifted by at most {drift:.2} ms a minute against the system's."
            ));
        }
    }
    if session.results_lost > 0 {
        say(format!("{} results were lost because the disk was too slow.", session.results_lost));
    }
    say("The program's labels are those of posed or labelled pictures; they are no measure of what a person feels.".into());
    text.push('\n');
    text
}

fn participants(session: &Session) -> String {
    let video = match &session.video {
        Some(video) if video.faces_blurred => {
            "A video with blurred faces is kept. A face that the program did not find is not blurred in it."
        }
        Some(_) => "A video in which your face can be recognised is kept.",
        None => "No picture and no video of you is kept by the program, only numbers for each moment.",
    };
    format!(
        "*This is a draft by a program and no legal advice. Have it checked by your ethics board and your data protection officer. Replace what \
stands in [brackets].*

**What is done.** In this study [purpose] a program reads from a camera or video how your face looks (angry, disgust, fear, happy, neutral, sad, surprise) and \
how your head is turned. It errs often. It knows nothing of what you feel, and nobody will judge you by it.

**What is kept.** {video} The numbers are kept under [a code instead of your name] until [date], by [who, where].

**Who is responsible.** [Controller: name, address, e-mail]. Data protection officer: [contact]. The data go to [nobody else / whom, in which country].

**On what basis.** Your consent (General Data Protection Regulation, articles 6(1)(a) and 7; where health or other data of article 9 are involved, 9(2)(a)). It is \
voluntary. You may withdraw it at any time without giving a reason and without any disadvantage; what was done before stays lawful.

**Your rights.** You may ask for access to your data, a copy, correction, deletion, restriction of use and data portability (articles 15 to 20), and complain to a \
supervisory authority (article 77): [which].

**You are told that your expressions are read.** The European Union's AI Act (Regulation 2024/1689) asks that people whom an emotion recognition system looks at are told so \
(article 50(3)). It forbids to infer emotions at work and in education, except for medical or safety reasons (article 5(1)(f)). [Whether \
this study falls under that, or under the exception for scientific research in article 2(6), has been checked by: name, date.]

I have read this, could ask questions, and agree: [place, date, signature]
"
    )
}
