//! Everything that is measured on a split, and scikit-learn's classification report of it.

use std::fmt::Write as _;

use moue_model::{Expression, Probabilities};
use serde::Serialize;

use super::calibration::Calibration;
use super::confusion::{ClassScores, ConfusionMatrix, MeanScores};

/// The table that scikit-learn's `classification_report` prints, with `digits` decimals: one row a class that is there,
/// accuracy, macro and weighted average.
#[must_use]
pub fn classification_report(matrix: &ConfusionMatrix, digits: usize) -> String {
    const WEIGHTED: &str = "weighted avg";
    let names = matrix.present().map(|e| e.name().len());
    let width = names.max().unwrap_or(0).max(WEIGHTED.len()).max(digits);
    let total = matrix.total();
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(text, "{:>width$} ", "");
    for heading in ["precision", "recall", "f1-score", "support"] {
        let _ = write!(text, " {heading:>9}");
    }
    text.push_str("\n\n");
    let row = |text: &mut String, name: &str, values: [f64; 3], support: u64| {
        let _ = write!(text, "{name:>width$} ");
        for value in values {
            let _ = write!(text, " {value:>9.digits$}");
        }
        let _ = writeln!(text, " {support:>9}");
    };
    for class in matrix.present() {
        let ClassScores { precision, recall, f1, support } = matrix.class(class);
        row(&mut text, class.name(), [precision, recall, f1], support);
    }
    text.push('\n');
    let _ = writeln!(
        text,
        "{:>width$}  {:>9} {:>9} {:>9.digits$} {total:>9}",
        "accuracy",
        "",
        "",
        matrix.accuracy()
    );
    for (name, mean) in [("macro avg", matrix.macro_mean()), (WEIGHTED, matrix.weighted_mean())] {
        let MeanScores { precision, recall, f1 } = mean;
        row(&mut text, name, [precision, recall, f1], total);
    }
    text
}

/// What was measured on one split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Pictures.
    pub count: u64,
    /// Share that is recognised, 0 to 1.
    pub accuracy: f64,
    /// Each class counts the same.
    #[serde(rename = "macro")]
    pub macro_mean: MeanScores,
    /// Each class counts by its pictures.
    #[serde(rename = "weighted")]
    pub weighted_mean: MeanScores,
    /// Mean negative log-likelihood of the labels.
    pub log_loss: f64,
    /// Confidence beside accuracy.
    pub calibration: Calibration,
    /// Rows: true classes.
    pub confusion: ConfusionMatrix,
}

impl Evaluation {
    /// From probabilities and labels of the same pictures.
    #[must_use]
    pub fn new(probabilities: &[Probabilities], labels: &[Expression]) -> Self {
        let predicted = probabilities.iter().map(|p| Expression::most_probable(p).0);
        let confusion = ConfusionMatrix::from_pairs(labels.iter().copied().zip(predicted));
        let log_loss = probabilities
            .iter()
            .zip(labels)
            .map(|(p, label)| -f64::from(p[label.index()].max(f32::MIN_POSITIVE)).ln())
            .sum::<f64>();
        Self {
            count: confusion.total(),
            accuracy: confusion.accuracy(),
            macro_mean: confusion.macro_mean(),
            weighted_mean: confusion.weighted_mean(),
            log_loss: log_loss / probabilities.len().max(1) as f64,
            calibration: Calibration::new(probabilities, labels),
            confusion,
        }
    }
}

impl Evaluation {
    /// Accuracy, macro F1, log loss and calibration, a line each.
    #[must_use]
    pub fn summary(&self) -> String {
        let Calibration { expected_error, debiased_error, perfect_band: [low, high], .. } = self.calibration;
        let verdict = if self.calibration.within_band() { "no more than chance" } else { "more than chance" };
        format!(
            "accuracy                    {:.4}\n\
             macro F1                    {:.4}\n\
             log loss                    {:.4}\n\
             expected calibration error  {expected_error:.4}, {verdict}: {low:.4} to {high:.4} if perfectly calibrated\n\
             the same, debiased          {debiased_error:.4}\n",
            self.accuracy, self.macro_mean.f1, self.log_loss
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goldens() -> serde_json::Value {
        serde_json::from_str(include_str!("../../../../tests/data/goldens.json")).unwrap()
    }

    fn classes(value: &serde_json::Value) -> Vec<Expression> {
        value.as_array().unwrap().iter().map(|n| Expression::ALL[n.as_u64().unwrap() as usize]).collect()
    }

    /// From `../shared/reference/make_goldens.py`: what scikit-learn prints.
    #[test]
    fn the_report_is_scikit_learns() {
        let golden = &goldens()["report"];
        let pairs = classes(&golden["truth"]).into_iter().zip(classes(&golden["predicted"]));
        let matrix = ConfusionMatrix::from_pairs(pairs);
        assert_eq!(
            serde_json::to_value(&matrix).unwrap(),
            golden["confusion_matrix_rows_true"],
            "rows are true classes"
        );
        assert_eq!(
            classification_report(&matrix, 2),
            golden["classification_report_digits2"].as_str().unwrap()
        );
    }

    #[test]
    fn averages_are_over_the_classes_that_are_there() {
        let [angry, _, _, happy, ..] = Expression::ALL;
        let matrix = ConfusionMatrix::from_pairs([
            (angry, angry),
            (angry, happy),
            (happy, happy),
            (happy, Expression::Sad),
        ]);
        assert_eq!(matrix.present().collect::<Vec<_>>(), [angry, happy]);
        let mean = matrix.macro_mean();
        assert!((mean.precision - 0.75).abs() < 1e-12 && (mean.recall - 0.5).abs() < 1e-12);
        let report = classification_report(&matrix, 2);
        assert_eq!(report.lines().count(), 8, "{report}");
        assert!(!report.contains("sad"));
    }
}
