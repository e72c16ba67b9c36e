//! The facts of the network in use, as its file states them; what it does not state is said to be missing.

use eframe::egui::{Align, Label, Layout, RichText, Ui, vec2};
use moue_model::{ClassOrder, ConditionsTable, Expression, original_class_order};

use super::labels::expression_name;
use super::language::{self, tr};
use super::widgets::copy_button;
use crate::pipeline::ModelInfo;

/// One fact; `None` where the file says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fact {
    name: String,
    value: Option<String>,
}

/// Facts under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    /// Key of its heading.
    title: &'static str,
    facts: Vec<Fact>,
}

/// How a figure is written.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Share,
}

/// The card's own facts: keys of heading and name, the metadata's key and another spelling of it, form. These are shown even
/// where they are missing.
const STATED: [(&str, &str, [&str; 2], Form); 12] = [
    (TRAINING, "model-training-data", ["training_data", "dataset"], Form::Text),
    (TRAINING, "model-split", ["split_protocol", "protocol"], Form::Text),
    (TRAINING, "model-initial", ["began_with", "initialised_from"], Form::Text),
    (TRAINING, "model-seed", ["seed", "random_seed"], Form::Text),
    (TRAINING, "model-epochs", ["epochs_trained", "epochs"], Form::Text),
    (MEASURED, "model-val-accuracy", ["val_accuracy", "validation_accuracy"], Form::Share),
    (MEASURED, "model-val-f1", ["val_macro_f1", "validation_macro_f1"], Form::Share),
    (MEASURED, "model-val-ece", ["val_ece", "validation_ece"], Form::Share),
    (MEASURED, "model-test-accuracy", ["test_accuracy", "test_acc"], Form::Share),
    (MEASURED, "model-test-f1", ["test_macro_f1", "test_f1"], Form::Share),
    (MEASURED, "model-test-ece", ["test_ece", "test_calibration_error"], Form::Share),
    (FILE, LICENCE, ["licence", "license"], Form::Text),
];

/// Keys that other rows already say.
const SAID: [&str; 10] = [
    "architecture",
    "blocks",
    "calibration",
    "classes",
    "input_size",
    "mean",
    "original_class_order",
    "std",
    "taken_from",
    "temperature",
];

const LICENCE: &str = "model-licence";

const NETWORK: &str = "model-network";
const TRAINING: &str = "model-training";
const MEASURED: &str = "model-measured";
const CONDITIONS: &str = "model-conditions";
const FILE: &str = "model-file";
const OTHER: &str = "model-other";

fn sections(model: &ModelInfo) -> Vec<Section> {
    let fact = |name: &str, value: String| Fact { name: name.to_owned(), value: Some(value) };
    let stated = |heading: &str| -> Vec<Fact> {
        let rows = STATED.iter().filter(|row| row.0 == heading);
        rows.map(|(_, name, keys, form)| {
            let stated = keys.iter().find_map(|key| model.metadata.get(*key));
            let value = stated.map(|stated| in_form(stated, *form));
            // The built-in network has the program's licence.
            let own =
                || (*name == LICENCE && model.path.is_none()).then(|| env!("CARGO_PKG_LICENSE").to_owned());
            Fact { name: language::text(name).to_owned(), value: value.or_else(own) }
        })
        .collect()
    };
    let order = original_class_order(&model.metadata);
    let network = vec![
        fact(tr!("model-architecture"), tr!("model-architecture-value").into()),
        fact(tr!("model-blocks"), tr!("model-blocks-value", blocks = model.blocks)),
        fact(tr!("model-input"), tr!("model-input-value", size = model.input_size)),
        fact(tr!("model-parameters"), grouped(model.parameters)),
        fact(tr!("model-classes"), Expression::ALL.map(expression_name).join(", ")),
        fact(tr!("model-runs-on"), model.device.clone()),
    ];
    // In most files it is the program's own.
    let mut network = network;
    if order != ClassOrder::default() {
        network.push(fact(tr!("model-order"), order.to_string().replace(',', ", ")));
    }
    let mut measured = stated(MEASURED);
    measured.push(match model.metadata.get("temperature") {
        Some(text) => fact(tr!("model-temperature"), text.clone()),
        None => fact(tr!("model-temperature"), tr!("model-not-calibrated").into()),
    });
    measured
        .extend(model.metadata.get("calibration").map(|text| fact(tr!("model-calibration"), text.clone())));
    let mut file = vec![fact(tr!("dialog-name"), model.name.clone())];
    file.extend(model.path.as_ref().map(|path| fact(tr!("model-path"), path.display().to_string())));
    file.extend(stated(FILE));
    file.push(fact("SHA-256", model.sha256.clone()));
    let table = ConditionsTable::of(&model.metadata);
    let conditions = table.as_ref().map_or_else(Vec::new, conditions);
    let in_table = |key: &str| table.is_some() && ConditionsTable::is_key(key);
    let known =
        |key: &str| in_table(key) || SAID.contains(&key) || STATED.iter().any(|row| row.2.contains(&key));
    let other = model.metadata.iter().filter(|(key, _)| !known(key));
    let other = other
        .map(|(key, value)| {
            let share = ["accuracy", "f1", "ece"].iter().any(|figure| key.contains(figure));
            let form = if share { Form::Share } else { Form::Text };
            fact(&key.replace('_', " "), in_form(value, form))
        })
        .collect();
    [
        (NETWORK, network),
        (TRAINING, stated(TRAINING)),
        (MEASURED, measured),
        (CONDITIONS, conditions),
        (FILE, file),
        (OTHER, other),
    ]
    .into_iter()
    .filter(|(_, facts)| !facts.is_empty())
    .map(|(title, facts)| Section { title, facts })
    .collect()
}

/// How many pictures are read as labelled under each condition, and how sure the network is of its readings.
fn conditions(table: &ConditionsTable) -> Vec<Fact> {
    let rows = table.rows.iter().map(|row| {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let value =
            tr!("model-condition", accuracy = percent(row.accuracy), confidence = percent(row.confidence),);
        Fact { name: row.words.clone(), value: Some(value) }
    });
    rows.chain([Fact { name: tr!("model-measured-on").to_owned(), value: Some(table.data.clone()) }])
        .collect()
}

/// A share such as 0.6740 as per cent; anything else as it is.
fn in_form(text: &str, form: Form) -> String {
    match (form, text.trim().parse::<f64>()) {
        (Form::Share, Ok(share)) if (0.0..=1.0).contains(&share) => format!("{:.1} %", share * 100.0),
        _ => text.to_owned(),
    }
}

/// 4909896 as 4 909 896.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// All of it as text, for the clipboard.
fn as_text(sections: &[Section]) -> String {
    let (mut text, missing) = (String::new(), tr!("model-missing"));
    for section in sections {
        text.push_str(language::text(section.title));
        text.push('\n');
        for fact in &section.facts {
            let value = fact.value.as_deref().unwrap_or(missing);
            text.push_str(&format!("  {}: {value}\n", fact.name));
        }
    }
    text
}

/// Shows the card, or that there is no network yet.
pub(super) fn show(ui: &mut Ui, model: Option<&ModelInfo>) {
    let Some(model) = model else {
        ui.weak(tr!("model-loading"));
        return;
    };
    let sections = sections(model);
    if model.metadata.is_empty() {
        ui.label(tr!("model-only-weights"));
        ui.add_space(4.0);
    }
    for section in &sections {
        ui.horizontal(|ui| {
            ui.label(RichText::new(language::text(section.title)).strong().size(15.0));
            if section.title == FILE {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    copy_button(ui, "SHA-256", || model.sha256.clone());
                });
            }
        });
        for fact in &section.facts {
            row(ui, fact);
        }
        ui.add_space(10.0);
    }
    if ui.button(tr!("copy-all")).clicked() {
        ui.ctx().copy_text(as_text(&sections));
    }
}

/// Width of the facts' names, in points.
const NAMES: f32 = 170.0;

fn row(ui: &mut Ui, fact: &Fact) {
    ui.spacing_mut().interact_size.y = 18.0;
    ui.horizontal_top(|ui| {
        let names = NAMES.min(ui.available_width() * 0.4);
        ui.allocate_ui(vec2(names, 18.0), |ui| {
            ui.set_min_width(names);
            ui.add(Label::new(RichText::new(&fact.name).weak()).wrap());
        });
        let value = match &fact.value {
            Some(value) => RichText::new(value),
            None => RichText::new(tr!("model-missing")).weak().italics(),
        };
        ui.add(Label::new(value).wrap().selectable(true));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(metadata: &[(&str, &str)]) -> ModelInfo {
        ModelInfo {
            name: "mine.safetensors".into(),
            path: Some("/some/mine.safetensors".into()),
            sha256: "0123456789abcdef".repeat(4),
            blocks: 1,
            parameters: 4_909_896,
            input_size: 144,
            device: "CPU".into(),
            read_as: moue_model::ReadOptions::default(),
            metadata: metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn value_of(sections: &[Section], name: &str) -> Option<String> {
        let mut facts = sections.iter().flat_map(|s| &s.facts);
        facts.find(|f| f.name == name).expect("the fact has a row").value.clone()
    }

    #[test]
    fn every_fact_of_the_card_is_shown() {
        let card = sections(&model(&[
            ("training_data", "FER-2013"),
            ("split_protocol", "chosen on val, test not read"),
            ("began_with", "mine.pt, SHA-256 00ff"),
            ("test_macro_f1", "0.6589"),
            ("test_accuracy_without_leaks", "0.6859"),
            ("val_accuracy", "0.6740"),
            ("val_ece", "0.021"),
            ("temperature", "1.31"),
            ("seed", "7"),
            ("license", "MIT"),
            ("recipe", "{}"),
        ]));
        for (name, expected) in [
            ("Blocks", "1 residual block in each of 4 layers"),
            ("Input", "144 × 144 pixels, grey"),
            ("Parameters", "4\u{a0}909\u{a0}896"),
            ("Training data", "FER-2013"),
            ("Split protocol", "chosen on val, test not read"),
            ("Initial weights", "mine.pt, SHA-256 00ff"),
            ("Test macro F1", "65.9 %"),
            ("test accuracy without leaks", "68.6 %"),
            ("Validation accuracy", "67.4 %"),
            ("Validation calibration error", "2.1 %"),
            ("Temperature", "1.31"),
            ("Seed", "7"),
            ("Licence", "MIT"),
            ("recipe", "{}"),
        ] {
            assert_eq!(value_of(&card, name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(value_of(&card, "SHA-256").map(|hash| hash.len()), Some(64));
        assert_eq!(value_of(&card, "Validation macro F1"), None);
        assert!(as_text(&card).contains("Validation macro F1: not stated in the file"));
    }

    #[test]
    fn what_is_read_in_bad_conditions_is_said_in_plain_words() {
        let row = r#"{"name":"dark_noisy","words":"Dark and noisy","accuracy":0.1904,"macro_f1":0.1,"confidence":0.58,"calibration_error":0.39}"#;
        let good = format!(r#"{{"data":"val, 3589 pictures","rows":[{row}]}}"#);
        let card = sections(&model(&[("conditions", &good), ("calibration", "one temperature")]));
        assert_eq!(value_of(&card, "Dark and noisy").as_deref(), Some("accuracy 19 %, confidence 58 %"));
        assert_eq!(value_of(&card, "Measured on").as_deref(), Some("val, 3589 pictures"));
        assert_eq!(value_of(&card, "Calibration").as_deref(), Some("one temperature"));
        assert!(card.iter().all(|s| s.title != OTHER));
        // What is no such table is shown as it stands.
        let card = sections(&model(&[("conditions", "in daylight")]));
        assert_eq!(value_of(&card, "conditions").as_deref(), Some("in daylight"));
        assert!(card.iter().all(|s| s.title != CONDITIONS));
    }

    #[test]
    fn a_file_that_says_nothing_has_the_same_rows() {
        let card = sections(&model(&[]));
        for name in
            ["Training data", "Split protocol", "Initial weights", "Seed", "Validation accuracy", "Licence"]
        {
            assert_eq!(value_of(&card, name), None, "{name}");
        }
        assert_eq!(value_of(&card, "Temperature").as_deref(), Some("1 (not calibrated)"));
        assert!(card.iter().all(|s| s.title != OTHER));
        let built_in = ModelInfo { path: None, ..model(&[]) };
        assert_eq!(value_of(&sections(&built_in), "Licence").as_deref(), Some("MIT OR Apache-2.0"));
    }
}
