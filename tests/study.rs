//! The whole way of a study, on a clip of people: record with markers, table, statistics in Python, report, verify.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;
#[path = "common/files.rs"]
mod files;
#[path = "common/python.rs"]
mod python;

use python::python_with;
use std::path::Path;
use std::process::Command;

fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).current_dir(folder).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn from_the_clip_to_the_statistics_and_back() {
    let Some(shared) = common::shared() else { return };
    if !files::has_ffmpeg() {
        return;
    }
    let clip = shared.join("media/video/pyfeat_WolfgangLanger_Pexels.mp4");
    let clip = clip.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let moue = env!("CARGO_BIN_EXE_moue");
    std::fs::write(folder.path().join("film.csv"), "0,talks\n8,pause\n12,laughs,second half\n").unwrap();
    let record = [
        "analyze",
        clip,
        "--csv",
        "--out",
        "rows.csv",
        "--fps",
        "5",
        "--record",
        "rec",
        "--markers",
        "film.csv",
    ];
    run(folder.path(), moue, &record);
    let session = std::fs::read_dir(folder.path().join("rec")).unwrap().next().unwrap().unwrap().path();
    let session = session.to_str().unwrap();
    run(folder.path(), moue, &["table", session, "--out", "tables", "--baseline-marker", "talks"]);
    let report = run(folder.path(), moue, &["report", session]);
    let page = std::fs::read_to_string(report.trim()).unwrap();
    assert!(page.contains("<h2>Markers</h2>") && page.contains("second half"));
    let said = run(folder.path(), moue, &["verify", session, "--source", clip]);
    assert!(
        said.contains("Everything that could be checked holds")
            && said.contains("the same to the last digit"),
        "{said}"
    );

    let Some(python) = python_with("pandas, scipy", "the statistics") else { return };
    // She laughs in the part of the clip that is marked so: more than before, by the table and by the rows themselves.
    let script = "import pandas as pd, sys\nfrom scipy import stats\n\
        wide = pd.read_csv('tables/wide.csv')\n\
        face = wide.groupby('face').rows.sum().idxmax()\n\
        mine = wide[wide.face == face].set_index('marker')\n\
        assert mine.mean_happy['laughs'] > mine.mean_happy['talks'], mine.mean_happy\n\
        change = mine.mean_happy['laughs'] - mine.mean_happy['talks']\n\
        assert abs(mine.change_happy['laughs'] - change) < 1e-5\n\
        rows = pd.read_csv(sys.argv[1] + '/faces.csv')\n\
        rows = rows[(rows.id == face) & rows.reasons.isna()]\n\
        talks, laughs = rows[rows.time_s < 8].happy, rows[rows.time_s >= 12].happy\n\
        assert stats.mannwhitneyu(laughs, talks, alternative='greater').pvalue < 0.001\n\
        print(mine.mean_happy.to_dict())\n";
    eprintln!("{}", run(folder.path(), &python, &["-c", script, session]));
}
