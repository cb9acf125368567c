/* Steepest: spectral norms and the norm report. */
#ifndef STEEPEST_STEEPEST_H
#include <steepest/steepest.h> /* which includes this file, after what it needs */
#elif !defined(STEEPEST_NORMS_H)
#define STEEPEST_NORMS_H

#include <steepest/polar.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Spectral norms
 * ---------------------------------------------------------------------------
 *
 * Bounds of the largest singular value from the Gram matrix of the short side: by a vector and a
 * verified factorisation, or by squaring it again and again, each squaring halving the logarithm of
 * what is between a bound and the norm. */

typedef enum steepest_spectral_method {
    STEEPEST_SPECTRAL_INTERVAL = 0, /* lower <= norm <= upper, all rounding errors included */
    STEEPEST_SPECTRAL_ESTIMATE = 1, /* the same in float32, without regard to rounding; of a large
                                       matrix by Lanczos' method alone, where that suffices */
    STEEPEST_SPECTRAL_SCHATTEN = 2, /* upper: Schatten norm of order 2^(iterations + 2) */
    STEEPEST_SPECTRAL_AOL = 3,      /* upper: root of the Gram matrix's largest absolute row sum */
    STEEPEST_SPECTRAL_FROBENIUS = 4 /* upper: Frobenius norm */
} steepest_spectral_method;

typedef struct steepest_spectral_norm_args {
    size_t struct_size;
    size_t matrix_size; /* sizeof(steepest_matrix) */
    int64_t count;
    const steepest_matrix* matrices; /* of which result, method and bound are not looked at */
    int32_t method;                  /* steepest_spectral_method, of all */
    int32_t iterations;              /* squarings, at most 64; negative: as many as `tol` needs */
    double tol;                      /* of (upper - lower) / upper, below 1; the interval is wider
                                        where rounding errors leave it wider */
    double enough;                   /* of an interval with negative iterations: a matrix whose norm
                                        is proved to be at most this gets an upper bound of about
                                        this and maybe no lower one; 0: none */
    double* lower;                   /* one per matrix; 0 where a method has none */
    double* upper;
    int32_t* iterations_done; /* one per matrix, or null: squarings; negative: minus the reads of
                                 the matrix by Lanczos' method alone */
    double* const* left;  /* null, or where each matrix's left singular vector goes, of length */
    double* const* right; /* one; likewise right; either null: not wanted */
    void* workspace;      /* aligned to 64 bytes; with a stream in device memory */
    size_t workspace_size;
    void* stream; /* see Devices; the matrices then are on the device, everything else is not, and
                     the call waits for the numbers of every level. */
    int32_t device;
} steepest_spectral_norm_args;

/* A matrix of zeros, or of no elements, has norm zero and zeros for vectors; one with a NaN or an
 * infinity gets NaN everywhere. The bits do not depend on the number of threads; they do on the CPU
 * target, or the device. */
STEEPEST_API steepest_status steepest_spectral_norm(const steepest_spectral_norm_args* args);
STEEPEST_API steepest_status
steepest_spectral_norm_workspace(const steepest_spectral_norm_args* args, size_t* size);

/* Gradient of the Schatten norm of order 2^(iterations + 1), which tends to the spectral norm's. */
typedef struct steepest_spectral_gradient_args {
    size_t struct_size;
    size_t matrix_size; /* sizeof(steepest_matrix) */
    int64_t count;
    const steepest_matrix* matrices; /* the gradient goes to result; bound and method not used */
    int32_t iterations;              /* at most 64 */
    double* values;                  /* receives the Schatten norms */
    void* workspace;                 /* aligned to 64 bytes; with a stream in device memory */
    size_t workspace_size;
    void* stream; /* see Devices; the matrices and results then are on the device, the values are
                     not, and the call waits for the numbers of every squaring */
    int32_t device;
} steepest_spectral_gradient_args;

STEEPEST_API steepest_status
steepest_spectral_gradient(const steepest_spectral_gradient_args* args);
STEEPEST_API steepest_status
steepest_spectral_gradient_workspace(const steepest_spectral_gradient_args* args, size_t* size);

/* ---- The symbol of a convolution
 * ---------------------------------------------------------------------------
 *
 * Per group and frequency a complex matrix, the sum over the taps of kernel times wave, in float.
 * The taps lie on both sides of a centre: the wave of the last but t is the conjugate of that of
 * tap t, so that only those of the first half are given, and that of a tap in the middle is one.
 * Each part of an element is off by at most (taps / 2 + 3) 2^-24 times the sum of the magnitudes.
 * For many frequencies it is decided at once whether its spectral norm is small. */

typedef struct steepest_symbol_args {
    size_t struct_size;
    int64_t groups, rows, cols; /* of the matrices; the rows should be the short side */
    int64_t taps, frequencies;
    int64_t row_phases;  /* rows, or columns, fall into so many runs of equal length, each with */
    int64_t col_phases;  /* waves of its own; at most one of both is above 1 */
    const float* kernel; /* (groups, rows, cols, taps) */
    const float* waves;  /* (phases, (taps + 1) / 2, 2, frequencies): real and imaginary parts; of a
                            tap in the middle the real one alone counts */
    float* grams;        /* receives the Gram matrices of the rows; aligned to 64 bytes */
    size_t grams_size;   /* in bytes */
    double* estimates;   /* receives (groups, frequencies): about the spectral norms, from below */
    double below;        /* what the norms are compared with */
    uint8_t* is_below;   /* receives (groups, frequencies): 1 where a computed matrix's spectral
                            norm is proved to be at most `below`, 0 where it may be above */
    int64_t group, frequency; /* of one matrix, */
    double* lower;            /* receives a proved lower bound of whose spectral norm, */
    double tol;               /* which is meant to be as near as this, relative to the norm */
    void* workspace;          /* aligned to 64 bytes */
    size_t workspace_size;
} steepest_symbol_args;

/* Bytes that `grams` and `workspace` need, on the CPU target and with the threads of now. */
STEEPEST_API steepest_status steepest_symbol_memory(const steepest_symbol_args* args, size_t* grams,
                                                    size_t* workspace);
/* Gram matrices and estimates. The bits do not depend on the number of threads. */
STEEPEST_API steepest_status steepest_symbol_grams(const steepest_symbol_args* args);
/* The lower bound of one matrix, by Lanczos' method with its Gram matrix, which stays. */
STEEPEST_API steepest_status steepest_symbol_lower(const steepest_symbol_args* args);
/* Whether norms are below, from the Gram matrices of that call, which are destroyed. Their layout
 * depends on the CPU target; their memory says which one made them, and that one works on them,
 * whichever is active by now. STEEPEST_INVALID_ARGUMENT where no call with the same groups, rows,
 * cols, taps and frequencies has left them there, from both. */
STEEPEST_API steepest_status steepest_symbol_below(const steepest_symbol_args* args);

/* ---- Norm report: what one read of each matrix gives
 * --------------------------------------------------------------------------- */

typedef struct steepest_norm_report_values {
    double frobenius, max_abs;
    double max_row, max_column;   /* largest Euclidean norm */
    double sum_rows, sum_columns; /* sum of the Euclidean norms */
    double sum_abs;
} steepest_norm_report_values;

typedef struct steepest_norm_report_args {
    size_t struct_size;
    size_t matrix_size; /* sizeof(steepest_matrix) */
    int64_t count;
    const steepest_matrix* matrices;     /* of which result, method and bound are not looked at */
    steepest_norm_report_values* values; /* one per matrix; zeros for one of no elements */
    void* workspace;                     /* with a stream; aligned to 64 bytes, device memory */
    size_t workspace_size;
    void* stream; /* see Devices; matrices and values then are on the device */
    int32_t device;
} steepest_norm_report_args;

/* Sums in double over a fixed tree, without overflow or underflow of a square: the same bits for
 * any number of threads, any target, any device and any strides. NaN everywhere for a matrix with a
 * NaN. */
STEEPEST_API steepest_status steepest_norm_report(const steepest_norm_report_args* args);
/* 0 without a stream. */
STEEPEST_API steepest_status steepest_norm_report_workspace(const steepest_norm_report_args* args,
                                                            size_t* size);

#ifdef __cplusplus
}
#endif

#endif /* STEEPEST_NORMS_H */
