//! Numbers that any language can recompute exactly from a formula: what tests and benchmarks compute with.

/// `count` numbers in [-0.5, 0.5): element j is (j * 2654435761 + t * 40503 + 12345 mod 2^32)
/// scrambled by the 32-bit murmur3 finaliser, / 2^32, - 0.5, where t is `tensor_index`.
#[must_use]
pub fn hashed_uniform(count: usize, tensor_index: u64) -> Vec<f64> {
    (0..count as u64)
        .map(|j| {
            let seed = j.wrapping_mul(2_654_435_761).wrapping_add(tensor_index * 40_503 + 12_345);
            let mut h = (seed & 0xFFFF_FFFF) as u32;
            h ^= h >> 16;
            h = h.wrapping_mul(0x85EB_CA6B);
            h ^= h >> 13;
            h = h.wrapping_mul(0xC2B2_AE35);
            h ^= h >> 16;
            f64::from(h) / 4_294_967_296.0 - 0.5
        })
        .collect()
}
