//! A small map of values over the face crop.

/// Values over the crop that was classified, one a cell of the network's last feature map
/// (7x7 at input 224, 5x5 at 144).
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// Cells in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row from the top left, `width * height` values.
    pub values: Vec<f32>,
}
