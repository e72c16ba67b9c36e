//! How close together the side panel's content stands, so that all of it is seen without scrolling.

/// Height of the panel's content for one face where there is room, in points, and of a row of tiles.
const ROOMY: f32 = 716.0;
const TILES: f32 = 32.0;
const TILE_ROW: f32 = 64.0;

/// There is room for so many rows of tiles, whoever comes and goes: the panel shall not jump with each face.
const ROWS: usize = 2;

/// How close together things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Density {
    Roomy,
    Dense,
}

impl Density {
    /// What fits into this height with so many rows of tiles.
    pub(super) fn fitting(height: f32, tile_rows: usize) -> Self {
        let tiles = TILES + TILE_ROW * tile_rows.max(ROWS) as f32;
        if height >= ROOMY + tiles { Self::Roomy } else { Self::Dense }
    }

    /// One of two values.
    pub(super) fn of<T>(self, roomy: T, dense: T) -> T {
        match self {
            Self::Roomy => roomy,
            Self::Dense => dense,
        }
    }
}
