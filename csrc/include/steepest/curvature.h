/* Steepest: probes, and the statistics of products with them. */
#ifndef STEEPEST_STEEPEST_H
#include <steepest/steepest.h> /* which includes this file, after what it needs */
#elif !defined(STEEPEST_CURVATURE_H)
#define STEEPEST_CURVATURE_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Probes
 * --------------------------------------------------------------------------------------
 *
 * Hutchinson estimates. Random vectors z are functions of (seed, probe, id of the tensor, number of
 * the element): nothing is stored, and what reads them makes them anew. */

typedef enum steepest_distribution {
    STEEPEST_RADEMACHER = 0, /* 1 or -1, one random bit each */
    STEEPEST_GAUSSIAN = 1    /* standard normal, in double and then rounded to the dtype */
} steepest_distribution;

/* One tensor, or a slice of one, dense and aligned to its item size. Statistics are float64 for
 * float64 values and float32 for all others, one per `group` elements that follow each other, all
 * zeros before the first sample: `mean` of z h; `scatter`, the sum of squared deviations from it;
 * with `weight`, which receives the sum of z^2, `mean` is sum z h / sum z^2 instead and `scatter`
 * the sum of the squares of h - z mean. */
typedef struct steepest_probe_tensor {
    int64_t count;  /* elements */
    int64_t offset; /* number of the first one: 0 unless this is a slice */
    int64_t group;  /* divides count; 1 with a weight */
    uint32_t id;    /* the tensor's coordinate: its position in the list, as a rule */
    int32_t dtype;  /* steepest_dtype of values */
    void* values;   /* receives z, or holds h = H z and is only read */
    void* mean;     /* null: only sums are wanted */
    void* scatter;
    void* weight; /* may be null */
} steepest_probe_tensor;

typedef struct steepest_probe_args {
    size_t struct_size;
    size_t tensor_size; /* sizeof(steepest_probe_tensor) */
    int64_t tensor_count;
    const steepest_probe_tensor* tensors;
    uint64_t seed;
    uint32_t probe;
    int32_t distribution; /* steepest_distribution */
    int64_t sample;       /* how many products the statistics then hold: 1 for the first */
    double* sums;         /* receives z^T h of each tensor; may be null */
    void* workspace;      /* aligned to 64 bytes */
    size_t workspace_size;
    double total; /* result without a stream: z^T h of all */
    void* stream; /* see Devices; `sums` then is on the device too */
    int32_t device;
    double* total_at; /* with a stream: receives z^T h of all on the device; may be null */
} steepest_probe_args;

STEEPEST_API steepest_status steepest_probe_workspace(const steepest_probe_args* args,
                                                      size_t* size);

/* Writes a probe to the values. */
STEEPEST_API steepest_status steepest_probe_fill(const steepest_probe_args* args);

/* Takes in products h = H z of a probe: the statistics of every element and the sums z^T h, added
 * over the fixed tree in double, in one pass. The same bits on every target and for any number of
 * threads. A NaN passes on. Written arrays may overlap no other array of the call. */
STEEPEST_API steepest_status steepest_probe_accumulate(steepest_probe_args* args);

/* ---- Rank-one updates of an inverse
 * ----------------------------------------------------------------------
 *
 * The step of MKOR (Mozaffari et al., NeurIPS 2023, arXiv 2306.01685) for one symmetric inverse
 * factor F of n x n and a vector v, in place, with d = decay. */

typedef enum steepest_mkor_variant {
    STEEPEST_MKOR_CODE = 0,    /* M - (M v)(M v)^T / (1 + v^T M v), M = d F + (1 - d) I */
    STEEPEST_MKOR_PAPER = 1,   /* d F + (1 - d) (F v)(F v)^T / (d^2 (1 + d (1 - d) v^T F v)) */
    STEEPEST_MKOR_TEXTBOOK = 2 /* the inverse of d F^-1 + (1 - d) v v^T */
} steepest_mkor_variant;

/* What happens where the largest magnitude in F is above the threshold, or a NaN. */
typedef enum steepest_mkor_stabilizer {
    STEEPEST_MKOR_NONE = 0,  /* nothing: the threshold is not looked at */
    STEEPEST_MKOR_BLEND = 1, /* F becomes (1 - zeta) F + zeta I, and is then updated */
    STEEPEST_MKOR_SKIP = 2,  /* F becomes that, and is not updated */
    STEEPEST_MKOR_RESET = 3  /* F becomes I, and is not updated */
} steepest_mkor_stabilizer;

typedef struct steepest_mkor_args {
    size_t struct_size;
    int64_t n;           /* at most 2^22 */
    int32_t dtype;       /* STEEPEST_F32 or STEEPEST_F64, of both arrays */
    int32_t variant;     /* steepest_mkor_variant */
    int32_t stabilizer;  /* steepest_mkor_stabilizer */
    int32_t has_largest; /* whether `largest` holds the largest magnitude in F: saves a read */
    void* inverse;       /* F: dense, symmetric (not checked) */
    const void* vector;  /* v, no part of F */
    double decay;        /* more than 0, at most 1 */
    double threshold;    /* more than 0; the authors' code has 2 */
    double zeta;         /* 0 to 1; the authors' code has 0.1 */
    void* workspace;     /* aligned to 64 bytes */
    size_t workspace_size;
    double largest;     /* result: the largest magnitude in the new F, NaN if it holds one */
    double denominator; /* result: 1 + ...; 1 where there was no update */
    int32_t stabilized; /* result: whether F was above the threshold */
    int32_t applied;    /* result: 0 where the denominator was not positive and finite */
    void* stream; /* see Devices; F and v then are on the device, and the four results above stay as
                     they are */
    int32_t device;
    double* results_at; /* with a stream: receives largest, denominator, stabilized and applied on
                           the device */
} steepest_mkor_args;

STEEPEST_API steepest_status steepest_mkor_workspace(const steepest_mkor_args* args, size_t* size);

/* Updates F: one pass that reads it for F v, and one that reads and writes it. The result is
 * exactly symmetric if F was, and the same bits on every target and device and for any number of
 * threads: sums run over the fixed tree in double. Where the denominator is not positive and finite
 * (F is not positive definite, or a NaN or an infinity is in F or v) F is left as it was, and
 * `applied` is 0. */
STEEPEST_API steepest_status steepest_mkor_update(steepest_mkor_args* args);

/* ---- OASIS
 *
 * The two norms that the adaptive learning rate of OASIS (arXiv 2109.05198) comes from, in one pass
 * that writes no array: eta = min(sqrt(1 + theta) eta, sqrt(moved / turned) / 2). */

typedef struct steepest_oasis_array {
    const void* values; /* dense, aligned to the item size */
    int32_t dtype;      /* steepest_dtype; float64 for all six arrays of a tensor or for none */
} steepest_oasis_array;

typedef struct steepest_oasis_tensor {
    int64_t count;       /* elements */
    double weight_decay; /* the gradients are g + weight_decay w */
    steepest_oasis_array param, previous_param;
    steepest_oasis_array grad, previous_grad; /* of one function, at the two */
    steepest_oasis_array diagonal;            /* D before this step */
    steepest_oasis_array hessian;             /* the new estimate; null values: D stays */
} steepest_oasis_tensor;

typedef struct steepest_oasis_args {
    size_t struct_size;
    size_t tensor_size; /* sizeof(steepest_oasis_tensor) */
    int64_t tensor_count;
    const steepest_oasis_tensor* tensors;
    double beta2, alpha; /* of the rule "oasis" */
    double factor;       /* of the gradients: 1 / grad_scale, negative to maximize */
    void* workspace;     /* aligned to 64 bytes */
    size_t workspace_size;
    double moved;  /* result: sum of max(|D|, alpha) (w - w')^2, for the new D */
    double turned; /* result: sum of (g - g')^2 / max(|D|, alpha) */
    void* stream;  /* see Devices; all arrays then are on the device, and the results above stay as
                      they are */
    int32_t device;
    double* results_at; /* with a stream: receives moved and turned on the device */
} steepest_oasis_args;

STEEPEST_API steepest_status steepest_oasis_workspace(const steepest_oasis_args* args,
                                                      size_t* size);

/* D = beta2 D + (1 - beta2) hessian as the rule computes it, in double or single; the sums in
 * double over the fixed tree. The same bits on every target and device and for any number of
 * threads. */
STEEPEST_API steepest_status steepest_oasis_measure(steepest_oasis_args* args);

#ifdef __cplusplus
}
#endif

#endif /* STEEPEST_CURVATURE_H */
