// Names the instruction-set target that the current translation unit is compiled for.
//
// The same headers are compiled once per target with different flags. Every function in them lives
// in the target's own namespace, so the linker can never merge an AVX-512 copy into baseline code.
// Those headers use built-in operations only: no std templates, which would be shared between
// targets.
#pragma once

#ifndef STEEPEST_TARGET
#define STEEPEST_TARGET common
#endif

#ifdef __CUDACC__
#define STEEPEST_HD __host__ __device__
#else
#define STEEPEST_HD
#endif

// Unrolls the loop that follows in device code, where an array indexed by a loop counter must
// become registers.
#ifdef __CUDACC__
#define STEEPEST_UNROLL _Pragma("unroll")
#define STEEPEST_ROLLED _Pragma("unroll 1")
#else
#define STEEPEST_UNROLL
#define STEEPEST_ROLLED
#endif

#define STEEPEST_INLINE inline __attribute__((always_inline))
