//! Measures a trained network on a labelled data set.
