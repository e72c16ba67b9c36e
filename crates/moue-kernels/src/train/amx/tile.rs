//! The one microkernel: 32x32 sums of products of bf16 pairs, in four of the eight tile registers.
//!
//! A tile register has 16 rows of 64 bytes. `tdpbf16ps` adds to 16x16 sums the product of 16 rows of 32 numbers with 32
//! rows of 16 numbers, the latter as 16 rows of pairs: 16,384 operations in 16 cycles. Four loads of factors for four products
//! hide behind them, even from the second-level cache, where every tile is one kilobyte in a row.
//!
//! The intrinsics are not in stable Rust yet, so this is assembly. (Intel, "Architecture Instruction Set Extensions
//! Programming Reference", chapter 3.)

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::marker::PhantomData;

/// Numbers in a row of a tile of factors: how far a step of the microkernel goes along a sum.
pub(super) const STEP: usize = 32;
/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Rows and columns of the sums of one call: two tiles each way.
pub(super) const SIDE: usize = 2 * ROWS;

/// A tile of factors: of the left one `[16 rows][32 numbers]`, of the right one `[16 pairs][16 columns][2]`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Factors(pub(super) [u16; ROWS * STEP]);

impl Factors {
    pub(super) const ZERO: Self = Self([0; ROWS * STEP]);
}

/// 32x32 sums as four tiles: `[2 halves of rows][2 halves of columns][16 rows][16 columns]`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[f32; ROWS * ROWS]; 4]);

impl Sums {
    pub(super) const ZERO: Self = Self([[0.0; ROWS * ROWS]; 4]);
}

/// Proof that the CPU has AMX with bf16 and that the system lets this process use it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permission(());

impl Permission {
    /// Looks for AMX and for what the packing needs, and asks the system for the tile registers' state. Asking again is
    /// harmless.
    pub(super) fn ask() -> Option<Self> {
        let packing = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512bf16");
        if cfg!(miri) || !packing {
            return None;
        }
        const AMX_BF16: u32 = 1 << 22;
        const AMX_TILE: u32 = 1 << 24;
        if __cpuid_count(7, 0).edx & (AMX_BF16 | AMX_TILE) != AMX_BF16 | AMX_TILE {
            return None;
        }
        // The system saves the tiles' configuration (bit 17) and their data (bit 18).
        const STATE: u32 = 1 << 17 | 1 << 18;
        let enabled: u32;
        // SAFETY: a CPU with AVX-512 that the system supports has `xgetbv`; register 0 always exists.
        unsafe {
            asm!("xgetbv", in("ecx") 0, out("eax") enabled, out("edx") _, options(nomem, nostack));
        }
        if enabled & STATE != STATE {
            return None;
        }
        // Linux gives the eight kilobytes of tile data only to processes that ask (Documentation/arch/x86/xstate.rst).
        const ARCH_PRCTL: i64 = 158;
        const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
        const TILE_DATA: u64 = 18;
        let result: i64;
        // SAFETY: this system call of Linux takes two numbers, and reads and writes no memory of the process.
        unsafe {
            asm!("syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") ARCH_REQ_XCOMP_PERM,
                in("rsi") TILE_DATA, lateout("rcx") _, lateout("r11") _, options(nostack));
        }
        (result == 0).then_some(Self(()))
    }

    /// Configures this thread's tile registers, until the result is dropped. One at a time on a thread.
    pub(super) fn configure(self) -> Tiles {
        #[repr(C, align(64))]
        struct Configuration([u8; 64]);
        let mut all = Configuration([0; 64]);
        // Palette 1; bytes a row from byte 16 on, two bytes a register; rows from byte 48 on.
        all.0[0] = 1;
        for register in 0..8 {
            all.0[16 + 2 * register] = (2 * STEP) as u8;
            all.0[48 + register] = ROWS as u8;
        }
        // SAFETY: a `Permission` proves the instructions; 64 bytes are read, and they are a valid configuration.
        unsafe { asm!("ldtilecfg [{}]", in(reg) all.0.as_ptr(), options(nostack, readonly)) };
        Tiles(PhantomData)
    }
}

/// Tile registers of this thread, configured. It cannot go to another thread.
pub(super) struct Tiles(PhantomData<*mut ()>);

impl Drop for Tiles {
    /// An unused configuration would make every switch of threads save eight kilobytes.
    fn drop(&mut self) {
        // SAFETY: that a `Tiles` exists proves the instruction.
        unsafe { asm!("tilerelease", options(nomem, nostack)) };
    }
}

impl Tiles {
    /// `sums (+)= a * b`: `a` are the two halves of the rows, a tile a step, `b` two tiles (halves of the columns) a step.
    ///
    /// # Panics
    /// When there is no step, or lengths do not fit.
    #[inline]
    pub(super) fn multiply(&self, a: [&[Factors]; 2], b: &[Factors], sums: &mut Sums, accumulate: bool) {
        let steps = a[0].len();
        assert!(steps > 0 && a[1].len() == steps && b.len() == 2 * steps, "steps of a product");
        // SAFETY: a `Tiles` proves the instructions and the configuration. `steps` tiles of each half of `a` and twice as many
        // of `b` are read, which is their length, and four tiles of sums are read and written.
        unsafe {
            asm!(
                "test {accumulate:e}, {accumulate:e}",
                "jz 3f",
                "tileloadd tmm0, [{sums} + {row}*1]",
                "tileloadd tmm1, [{sums} + {row}*1 + 1024]",
                "tileloadd tmm2, [{sums} + {row}*1 + 2048]",
                "tileloadd tmm3, [{sums} + {row}*1 + 3072]",
                "jmp 2f",
                "3:",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{a0} + {row}*1]",
                "tileloadd tmm6, [{b} + {row}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {row}*1 + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a1} + {row}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a0}, 1024",
                "add {a1}, 1024",
                "add {b}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{sums} + {row}*1], tmm0",
                "tilestored [{sums} + {row}*1 + 1024], tmm1",
                "tilestored [{sums} + {row}*1 + 2048], tmm2",
                "tilestored [{sums} + {row}*1 + 3072], tmm3",
                accumulate = in(reg) u32::from(accumulate),
                a0 = inout(reg) a[0].as_ptr() => _,
                a1 = inout(reg) a[1].as_ptr() => _,
                b = inout(reg) b.as_ptr() => _,
                sums = in(reg) sums.0.as_mut_ptr(),
                row = in(reg) 2 * STEP,
                steps = inout(reg) steps => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
