//! Counts of true and predicted classes, and what follows from them.

use serde::Serialize;

use moue_model::Expression;

const N: usize = Expression::COUNT;

/// Row: true class, column: predicted class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct ConfusionMatrix {
    /// The counts.
    pub counts: [[u64; N]; N],
}

/// What was measured for one class; a ratio without cases is 0, as in scikit-learn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassScores {
    /// Share of the predictions of this class that are right.
    pub precision: f64,
    /// Share of this class's pictures that are recognised: the class's accuracy.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Pictures of this class.
    pub support: u64,
}

/// Averages over the classes that are there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanScores {
    /// Mean precision.
    pub precision: f64,
    /// Mean recall.
    pub recall: f64,
    /// Mean F1.
    pub f1: f64,
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl ConfusionMatrix {
    /// Counts pairs of true and predicted class.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Expression, Expression)>) -> Self {
        let mut matrix = Self::default();
        for (truth, predicted) in pairs {
            matrix.counts[truth.index()][predicted.index()] += 1;
        }
        matrix
    }

    /// All pictures.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Share of the pictures whose class is recognised, 0 to 1.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        ratio((0..N).map(|i| self.counts[i][i]).sum(), self.total())
    }

    /// The classes of which there are pictures.
    pub fn present(&self) -> impl Iterator<Item = Expression> + '_ {
        Expression::ALL.into_iter().filter(|e| self.counts[e.index()].iter().any(|c| *c > 0))
    }

    /// One class's figures.
    #[must_use]
    pub fn class(&self, class: Expression) -> ClassScores {
        let i = class.index();
        let right = self.counts[i][i];
        let support = self.counts[i].iter().sum();
        let predicted = self.counts.iter().map(|row| row[i]).sum();
        // F1 = 2 right / (support + predicted), which is the harmonic mean of both ratios.
        ClassScores {
            precision: ratio(right, predicted),
            recall: ratio(right, support),
            f1: ratio(2 * right, support + predicted),
            support,
        }
    }

    /// The mean over the classes that are there, each counting the same.
    #[must_use]
    pub fn macro_mean(&self) -> MeanScores {
        self.mean(|_| 1.0)
    }

    /// The mean over the classes that are there, each counting by its pictures.
    #[must_use]
    pub fn weighted_mean(&self) -> MeanScores {
        self.mean(|scores| scores.support as f64)
    }

    fn mean(&self, weight: impl Fn(&ClassScores) -> f64) -> MeanScores {
        let mut mean = MeanScores { precision: 0.0, recall: 0.0, f1: 0.0 };
        let mut weights = 0.0;
        for class in self.present() {
            let scores = self.class(class);
            let w = weight(&scores);
            mean.precision += w * scores.precision;
            mean.recall += w * scores.recall;
            mean.f1 += w * scores.f1;
            weights += w;
        }
        if weights > 0.0 {
            mean.precision /= weights;
            mean.recall /= weights;
            mean.f1 /= weights;
        }
        mean
    }
}
