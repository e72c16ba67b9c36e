//! A vector of floats, once for each instruction set, so that every kernel is written once.
//!
//! A kernel is an `#[inline(always)]` function over [`Simd`]; [`dispatch`] compiles it once inside a
//! function that has the instruction set switched on, and calls the right one. (The same way as in
//! the crates `memchr` and `pulp`.)

/// A register full of floats.
///
/// # Safety
/// Every method may only run where the CPU has the type's instruction set. [`dispatch`] is the one
/// place that checks it. `load`, `load_half`, `store` and `prefetch` ask of their pointers what raw pointer reads and
/// writes of `LANES` unaligned numbers ask (`prefetch`: nothing).
pub(super) unsafe trait Simd: Copy {
    /// Floats in a register.
    const LANES: usize;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// The bits of 16-bit floats (IEEE 754 binary16), made wider: exact.
    unsafe fn load_half(from: *const u16) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// The greater of the two; `other` where either is not a number.
    unsafe fn max(self, other: Self) -> Self;
    /// `then` where `self > other`, else `otherwise`.
    unsafe fn if_greater(self, other: Self, then: Self, otherwise: Self) -> Self;
    /// `self * factor + term`.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Asks the second-level cache for the line at `at`; the address need not be valid.
    unsafe fn prefetch(at: *const f32);
}

/// Eight floats that the compiler maps to whatever it has.
#[derive(Clone, Copy)]
pub(super) struct PlainVector([f32; 8]);

impl PlainVector {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

// SAFETY: no instruction set is needed; pointers are used as the trait says.
unsafe impl Simd for PlainVector {
    const LANES: usize = 8;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for eight readable floats.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: the caller vouches for eight readable numbers.
        let bits = unsafe { from.cast::<[u16; 8]>().read_unaligned() };
        Self(bits.map(|bits| half::f16::from_bits(bits).to_f32_const()))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for eight writable floats.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn if_greater(self, other: Self, then: Self, otherwise: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] > other.0[i] { then.0[i] } else { otherwise.0[i] }))
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        // Not f32::mul_add: without FMA that is a slow library call.
        Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + term.0[i]))
    }
    #[inline(always)]
    unsafe fn prefetch(_at: *const f32) {}
}

/// Implements [`Simd`] for a register type by naming the intrinsic of each operation.
#[allow(unused_macros)]
macro_rules! simd_register {
    ($register:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident,
     $max:ident, |$p:ident, $q:ident, $then:ident, $else:ident| $select:expr,
     |$x:ident, $y:ident, $z:ident| $fma:expr, |$half:ident| $load_half:expr, |$at:ident| $prefetch:expr) => {
        // SAFETY: each method is one intrinsic of the instruction set that the trait's caller vouches for,
        // on pointers that the caller vouches for.
        unsafe impl Simd for $register {
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: see the impl.
                unsafe { $splat(value) }
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: see the impl.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn load_half(from: *const u16) -> Self {
                let $half = from;
                // SAFETY: see the impl.
                unsafe { $load_half }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: see the impl.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: see the impl.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                // SAFETY: see the impl.
                unsafe { $sub(self, other) }
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                // SAFETY: see the impl.
                unsafe { $mul(self, other) }
            }
            #[inline(always)]
            unsafe fn max(self, other: Self) -> Self {
                // SAFETY: see the impl.
                unsafe { $max(self, other) }
            }
            #[inline(always)]
            unsafe fn if_greater(self, other: Self, then: Self, otherwise: Self) -> Self {
                let ($p, $q, $then, $else) = (self, other, then, otherwise);
                // SAFETY: see the impl.
                unsafe { $select }
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                let ($x, $y, $z) = (self, factor, term);
                // SAFETY: see the impl.
                unsafe { $fma }
            }
            #[inline(always)]
            #[allow(unused_unsafe, reason = "not every instruction set has such an intrinsic")]
            unsafe fn prefetch(at: *const f32) {
                let $at = at;
                // SAFETY: a prefetch never faults.
                unsafe { $prefetch }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use std::arch::x86_64::*;

    simd_register!(
        __m256,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_max_ps,
        |p, q, then, other| _mm256_blendv_ps(other, then, _mm256_cmp_ps::<_CMP_GT_OQ>(p, q)),
        |x, y, z| _mm256_fmadd_ps(x, y, z),
        |from| _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
        |at| _mm_prefetch::<_MM_HINT_T1>(at.cast())
    );
    simd_register!(
        __m512,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_max_ps,
        |p, q, then, other| _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(p, q), other, then),
        |x, y, z| _mm512_fmadd_ps(x, y, z),
        |from| _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())),
        |at| _mm_prefetch::<_MM_HINT_T1>(at.cast())
    );
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::Simd;
    use std::arch::aarch64::*;

    simd_register!(
        float32x4_t,
        4,
        vdupq_n_f32,
        vld1q_f32,
        vst1q_f32,
        vaddq_f32,
        vsubq_f32,
        vmulq_f32,
        vmaxq_f32,
        |p, q, then, other| vbslq_f32(vcgtq_f32(p, q), then, other),
        |x, y, z| vfmaq_f32(z, x, y),
        |from| vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from))),
        |_at| ()
    );
}

/// `dispatch!(isa => body(arguments: Types))` calls the generic kernel `body::<V, COLUMNS, ROWS>` compiled for
/// `isa`. `V` is the vector type; a tile of the matrix kernel has at most ROWS rows of COLUMNS vectors.
///
/// # Panics
/// Where this machine does not have `isa`: checked at every call, a few cached loads.
macro_rules! dispatch {
    ($isa:expr => $body:ident($($name:ident: $type:ty),*)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn avx512($($name: $type),*) {
            // SAFETY: this function has AVX-512 on; the rest is the caller's promise to `dispatch`.
            unsafe { $body::<std::arch::x86_64::__m512, 2, 14>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c")]
        unsafe fn avx2($($name: $type),*) {
            // SAFETY: this function has AVX2, FMA and F16C on; the rest is the caller's promise.
            unsafe { $body::<std::arch::x86_64::__m256, 2, 6>($($name),*) }
        }
        #[cfg(target_arch = "aarch64")]
        #[target_feature(enable = "neon")]
        unsafe fn neon($($name: $type),*) {
            // SAFETY: this function has NEON on; the rest is the caller's promise.
            unsafe { $body::<std::arch::aarch64::float32x4_t, 4, 6>($($name),*) }
        }
        let isa: $crate::Isa = $isa;
        assert!(isa.is_available(), "this machine does not have {isa}");
        match isa {
            // SAFETY: the assertion above found the instruction set.
            #[cfg(target_arch = "x86_64")]
            $crate::Isa::Avx512 => unsafe { avx512($($name),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::Isa::Avx2 => unsafe { avx2($($name),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            $crate::Isa::Neon => unsafe { neon($($name),*) },
            // SAFETY: needs no instruction set; the rest is the caller's promise.
            _ => unsafe { $body::<$crate::simd::PlainVector, 1, 4>($($name),*) },
        }
    }};
}
pub(super) use dispatch;

/// `body` with `i` = 0, 1, .. `ROWS` - 1, written out: the sums stay in registers only where the compiler sees
/// every index as a constant, and it does not unroll loops this long by itself.
macro_rules! for_rows {
    ($rows:ident, |$i:ident| $body:expr) => {
        for_rows!(@ $rows, $i, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $rows:ident, $i:ident, $body:expr, $($index:literal)*) => {
        $(if $index < $rows {
            let $i: usize = $index;
            $body
        })*
    };
}
pub(super) use for_rows;
