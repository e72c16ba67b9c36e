//! Brings a network's input size and order of classes from what its file or its user says into the form that the rest of
//! the program relies on.

use std::path::Path;

use super::facts::{Fact, Misfit, is_class_key};
use crate::{ClassOrder, ModelError, NetworkWeights, ReadOptions};

/// What the order of the classes was in a file that has another than this program.
pub(crate) const ORDER_BEFORE: &str = "original_class_order";

/// Writes `input_size` and `classes` into the metadata, where they are known, and the last layer's rows into this
/// program's order. What `options` say counts more than what the file says.
pub(super) fn settle(
    weights: &mut NetworkWeights,
    facts: &Fact,
    options: &ReadOptions,
    path: &Path,
) -> Result<(), ModelError> {
    // What an earlier reading noted of another file.
    weights.metadata.remove(ORDER_BEFORE);
    let refused = |Misfit { field, expected, found }: Misfit| ModelError::Metadata {
        path: path.to_owned(),
        field,
        expected,
        found,
    };
    let size = match options.input_size {
        Some(size) => Some(size),
        None => facts.input_size().map_err(refused)?,
    };
    if let Some(size) = size {
        weights.metadata.insert("input_size".to_owned(), size.to_string());
    }
    let order = match options.classes {
        Some(order) => Some(order),
        None => facts.class_order().map_err(refused)?,
    };
    if let Some(order) = order {
        reorder(weights, order);
        // They tell of the rows as they were.
        weights.metadata.retain(|key, _| !is_class_key(key));
        weights.metadata.insert("classes".to_owned(), ClassOrder::default().to_string());
        if order != ClassOrder::default() {
            weights.metadata.insert(ORDER_BEFORE.to_owned(), order.to_string());
        }
    }
    if let Some([mean, std]) = facts.normalisation() {
        weights.metadata.entry("mean".to_owned()).or_insert(mean);
        weights.metadata.entry("std".to_owned()).or_insert(std);
    }
    Ok(())
}

/// Moves the last layer's rows, which are in that order, to the places of their classes.
fn reorder(weights: &mut NetworkWeights, order: ClassOrder) {
    for name in ["fc.weight", "fc.bias"] {
        let Some(tensor) = weights.tensors.get_mut(name) else { continue };
        let row = tensor.values.len() / order.classes().len();
        let before = tensor.values.clone();
        for (old, class) in before.chunks_exact(row).zip(order.classes()) {
            tensor.values[class.index() * row..][..row].copy_from_slice(old);
        }
    }
}
