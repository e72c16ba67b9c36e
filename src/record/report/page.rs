//! The page. `maud` escapes every value: names of files and cameras may hold anything.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use moue_model::Expression;

use super::plots::{clock, label_rgb, timeline};
use super::read::PageMarker;
use super::summary::{LABELS, Person, Summary};
use crate::record::columns::UNSURE;
use crate::record::session::{Session, SessionStatus};

/// Nothing is fetched, no script runs, whatever the page holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

const STYLE: &str = "
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, 'Segoe UI', Roboto, sans-serif; color: #212529; background: #f1f3f5; margin: 0; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 0 0 10px; } h3 { font-size: 15px; margin: 14px 0 4px; }
section { background: #fff; border: 1px solid #dee2e6; border-radius: 10px; padding: 16px 20px; margin-top: 16px; overflow-x: auto; }
p { margin: 6px 0; max-width: 78ch; } .weak { color: #5c636a; }
.warning { border-left: 5px solid #e67700; } .warning p { margin: 3px 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 3px 18px 3px 0; vertical-align: top; } th { font-weight: 600; }
table.people { font-size: 13px; } .people th, .people td { padding-right: 10px; vertical-align: bottom; }
td.n, th.n { text-align: right; }
svg { width: 100%; height: auto; display: block; }
.bar { display: flex; height: 22px; border-radius: 5px; overflow: hidden; background: #f1f3f5; }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 5px; }
.keys > span { margin-right: 16px; white-space: nowrap; }
code { overflow-wrap: anywhere; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
";

fn label_name(label: usize) -> &'static str {
    Expression::ALL.get(label).map_or(UNSURE, |e| e.name())
}

fn css(label: usize) -> String {
    let [r, g, b] = label_rgb(label);
    format!("background:rgb({r},{g},{b})")
}

/// The whole page.
pub(super) fn page(
    name: &str,
    session: Option<&Session>,
    session_fault: Option<&str>,
    summary: &Summary,
    markers: &(Vec<PageMarker>, u64),
) -> Result<String, String> {
    let marked: Vec<f64> = markers.0.iter().map(|m| m.time_s).collect();
    let mut charts = Vec::new();
    for person in summary.people.iter().filter(|p| !p.cells.is_empty()) {
        charts.push((person, timeline(person, summary.span_s, &marked)?));
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "Recording " (name) " – moue" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "Recording " (name) }
                    @if let Some(named) = session.and_then(|s| s.name.as_deref()) { p { strong { (named) } } }
                    @if let Some(notes) = session.and_then(|s| s.notes.as_deref()) { p { (notes) } }
                    p.weak { (headline(session, summary)) }
                    (warnings(session, session_fault, summary))
                    (overview(session, summary))
                    (marker_section(markers))
                    @for (person, svg) in &charts { (person_section(person, svg)) }
                    (facts(session))
                    (reading_help())
                }
            }
        }
    };
    Ok(page.into_string())
}

fn headline(session: Option<&Session>, summary: &Summary) -> String {
    let length = clock(summary.span_s.1 - summary.span_s.0);
    match session {
        Some(s) => format!("{}, started {}, readings over {length}", s.source.name, s.started),
        None => format!("readings over {length}"),
    }
}

fn warnings(session: Option<&Session>, session_fault: Option<&str>, summary: &Summary) -> Markup {
    let mut texts = Vec::new();
    if let Some(reason) = session_fault {
        texts.push(format!("session.json cannot be read ({reason}): model and settings are not known."));
    }
    match session.map(|s| (s.status, &s.stopped_because)) {
        Some((SessionStatus::Recording, _)) => {
            texts.push(
                "This recording was not finished: it is still running, or the program was killed.".to_owned(),
            );
        }
        Some((SessionStatus::Stopped, reason)) => {
            texts
                .push(format!("This recording broke off: {}", reason.as_deref().unwrap_or("unknown reason")));
        }
        _ => {}
    }
    if let Some(lost) = session.map(|s| s.results_lost).filter(|n| *n > 0) {
        texts.push(format!("{lost} results were lost because the disk was too slow."));
    }
    if summary.counts.unreadable > 0 {
        let n = summary.counts.unreadable;
        texts.push(if n == 1 {
            "One row of faces.csv cannot be read and is left out.".to_owned()
        } else {
            format!("{n} rows of faces.csv cannot be read and are left out.")
        });
    }
    if summary.counts.rows == 0 {
        texts.push("No face was recorded.".to_owned());
    }
    html! {
        @if !texts.is_empty() {
            section.warning { @for text in &texts { p { (text) } } }
        }
    }
}

fn overview(session: Option<&Session>, summary: &Summary) -> Markup {
    html! {
        section {
            h2 { "Overview" }
            table {
                @if let Some(results) = session.and_then(|s| s.results) {
                    tr { th { "Frames analysed" } td { (results) } }
                }
                tr { th { "Face readings" } td { (summary.counts.rows) } }
                tr { th { "Faces" } td { (summary.people.len()) @if summary.other_rows > 0 { "+" } } }
                tr {
                    th { "Age of a reading" }
                    td { "median " (summary.age_ms.0) " ms, 95 % under " (summary.age_ms.1) " ms" }
                }
            }
            @if !summary.people.is_empty() {
                h3 { "Share of the time, by label" }
                table.people {
                    tr {
                        th { "Face" } th.n { "From" } th.n { "To" } th.n { "On screen" } th.n { "Readings" }
                        th.n { "Changes/min" }
                        @for label in 0..LABELS {
                            th.n { span.key style=(css(label)) {} (label_name(label)) }
                        }
                    }
                    @for person in summary.people.iter().take(100) {
                        tr {
                            td { (person.id) }
                            td.n { (clock(person.span_s.0)) }
                            td.n { (clock(person.span_s.1)) }
                            td.n { (format!("{:.1} s", person.present_s)) }
                            td.n { (person.rows) }
                            td.n { (format!("{:.0}", person.changes_a_minute())) }
                            @for share in person.shares() {
                                td.n { (format!("{:.0} %", share * 100.0)) }
                            }
                        }
                    }
                }
                @if summary.people.len() > 100 {
                    p.weak { "and " (summary.people.len() - 100) " more faces with less time on screen" }
                }
            }
        }
    }
}

fn marker_section((markers, more): &(Vec<PageMarker>, u64)) -> Markup {
    html! {
        @if !markers.is_empty() {
            section {
                h2 { "Markers" }
                table {
                    tr { th.n { "Time" } th { "Name" } th { "Value" } }
                    @for marker in markers {
                        tr {
                            td.n { (format!("{:.3} s", marker.time_s)) }
                            td { (marker.name) }
                            td { (marker.value) }
                        }
                    }
                }
                @if *more > 0 { p.weak { "and " (more) " more in events.csv" } }
                p.weak { "Each is a line across the timelines below." }
            }
        }
    }
}

fn person_section(person: &Person, svg: &str) -> Markup {
    let shares = person.shares();
    html! {
        section {
            h2 { "Face " (person.id) }
            (PreEscaped(svg))
            div.bar role="img" aria-label="share of the time of each label" {
                @for (label, share) in shares.iter().enumerate().filter(|(_, s)| **s > 0.0) {
                    div style=(format!("width:{:.2}%;{}", share * 100.0, css(label)))
                        title=(format!("{} {:.1} %", label_name(label), share * 100.0)) {}
                }
            }
            p.keys {
                @for (label, share) in shares.iter().enumerate() {
                    span { span.key style=(css(label)) {} (label_name(label)) " " (format!("{:.1} %", share * 100.0)) }
                }
            }
        }
    }
}

fn blocks(count: usize) -> String {
    format!("{count} {}", if count == 1 { "block" } else { "blocks" })
}

fn facts(session: Option<&Session>) -> Markup {
    html! {
        @if let Some(s) = session {
            section {
                h2 { "How it was recorded" }
                table {
                    tr { th { "Program" } td { (s.program.name) " " (s.program.version) } }
                    tr {
                        th { "Source" }
                        td {
                            (s.source.name) " (" (s.source.kind) ")"
                            @if let (Some(w), Some(h)) = (s.source.width, s.source.height) { ", " (w) "×" (h) }
                            @if let Some(rate) = s.source.frame_rate { ", " (format!("{rate:.2}")) " frames/s" }
                            @if let Some(conversion) = &s.source.conversion { ", " (conversion) }
                        }
                    }
                    tr { th { "Started" } td { (s.started) } }
                    @if let Some(ended) = &s.ended { tr { th { "Ended" } td { (ended) } } }
                    @for model in &s.models {
                        tr {
                            th { "Network from " (clock(model.from_s)) }
                            td {
                                (model.name) ", " (blocks(model.blocks)) " a layer, input " (model.input_size) " px, "
                                (model.device) br; code.weak { "SHA-256 " (model.sha256) }
                            }
                        }
                    }
                    @for set in &s.settings {
                        tr {
                            th { "Settings from " (clock(set.from_s)) }
                            td {
                                "averaged over " (format!("{:.0}", set.smoothing_ms)) " ms, label changes for a lead of "
                                (format!("{:.0}", set.lead * 100.0)) " %, unsure under "
                                (format!("{:.0}", set.unsure_below * 100.0)) " %, personal baseline "
                                @if set.baseline { "taken out" } @else { "not used" }
                            }
                        }
                    }
                    @if let Some(video) = &s.video {
                        tr {
                            th { "Video" }
                            td {
                                (video.file) ", faces " @if video.faces_blurred { "blurred" } @else { "visible" }
                                @if video.results_left_out > 0 {
                                    ", " (video.results_left_out) " results are not in it (encoding was too slow)"
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn reading_help() -> Markup {
    html! {
        section {
            h2 { "How to read this" }
            p {
                "Each timeline stacks the seven averaged probabilities of one person; together they are 100 %. The strip "
                "below shows the label: the leading expression, or “unsure” where none was probable enough. White gaps: "
                "the face was not seen. Each timeline spans the whole recording, so that faces can be compared."
            }
            p {
                "Shares count time on screen, not frames. A person is an id: someone who leaves and comes back later may "
                "get a new one, and two ids may be one person."
            }
            p {
                "faces.csv in the session folder holds every reading, raw and averaged, for your own analysis."
            }
            h2 { "What it cannot tell" }
            p {
                "An expression is not a feeling. The network compares a face with pictures that people labelled with seven "
                "words; it knows nothing of the situation, of what was said, or of what a face looks like at rest. It errs "
                "often (the built-in network on about three of ten pictures of its own test set), more so with poor light, "
                "covered or turned faces, and it was not measured by skin tone, age or sex."
            }
            p {
                "Probabilities are the network's, not measured frequencies. Do not judge a person by this page: reading "
                "expressions at work or in education is forbidden in the European Union (AI Act, article 5)."
            }
        }
    }
}
