/* Steepest: messages of distributed optimizers, and statistics of the gradients of workers. */
#ifndef STEEPEST_STEEPEST_H
#include <steepest/steepest.h> /* which includes this file, after what it needs */
#elif !defined(STEEPEST_DISTRIBUTED_H)
#define STEEPEST_DISTRIBUTED_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Distributed Lion
 * --------------------------------------------------------------------------------------
 *
 * Liu et al., arXiv 2404.00438, algorithm 1. Worker i sends sign(beta1 m_i + (1 - beta1) g_i) and
 * keeps m_i = beta2 m_i + (1 - beta2) g_i; the server takes the majority or the mean of the signs,
 * d, and all workers step p = p (1 - lr weight_decay) - lr d.
 *
 * A plane holds one bit for every element of a list of tensors: a tensor of n elements has
 * ceil(n / 8) bytes, the tensors follow each other without gaps, and element e of a tensor, in
 * memory order, is bit e % 8, from the lowest, of its byte e / 8. What sends planes from one
 * machine to another is the caller's. All on the CPU; the same bits on every target and for any
 * number of threads. */

/* What the planes of an array say, one behind the other. */
typedef enum steepest_vote_form {
    STEEPEST_VOTE_SIGNS = 0,   /* one plane: 1 stands for 1, 0 for -1 */
    STEEPEST_VOTE_TERNARY = 1, /* two planes: positive, negative; neither: 0, both: NaN */
    /* The mean: as many planes as 65535 or fewer workers have binary digits, the lowest first, of
     * the number of workers whose sign is 1. */
    STEEPEST_VOTE_SUM_OF_SIGNS = 2,
    /* The same of workers with ternary messages: planes of the digits of (sum of the signs +
     * workers), a number up to 2 workers; all digits set: NaN. */
    STEEPEST_VOTE_SUM_OF_TERNARY = 3
} steepest_vote_form;

/* One tensor, dense. Float64 goes with float64 only; the gradient may be of any other dtype, the
 * momentum float32 or bfloat16. */
typedef struct steepest_sign_tensor {
    int64_t count; /* elements */
    uint32_t id;   /* coordinates of the random draws of a stochastic rounding: position in the */
    int64_t step;  /* list, as a rule, and number of the step from 1 */
    uint64_t seed;
    double beta1, beta2; /* in [0, 1) */
    int32_t maximize;    /* 1: the gradient's sign is changed */
    steepest_array grad;
    steepest_array momentum; /* read and written */
} steepest_sign_tensor;

typedef struct steepest_sign_args {
    size_t struct_size;
    size_t tensor_size; /* sizeof(steepest_sign_tensor) */
    int64_t tensor_count;
    const steepest_sign_tensor* tensors;
    double grad_scale; /* gradients are divided by it first; 1: as they are */
    int32_t bits;      /* 1: STEEPEST_VOTE_SIGNS, where 0 counts as positive and NaN as negative; 2:
                          STEEPEST_VOTE_TERNARY */
    void* message;     /* receives `bits` planes; unused bits are zero */
    int64_t message_size; /* their bytes */
    void* workspace;      /* aligned to 64 bytes */
    size_t workspace_size;
    int64_t nans; /* result: how many directions are NaN */
} steepest_sign_args;

STEEPEST_API steepest_status steepest_sign_workspace(const steepest_sign_args* args, size_t* size);

/* Packs the signs and moves the momenta on, in one pass. Written arrays may overlap no other. */
STEEPEST_API steepest_status steepest_sign_pack(steepest_sign_args* args);

/* What a majority is where as many workers are for 1 as for -1. */
typedef enum steepest_tie {
    STEEPEST_TIE_ZERO = 0,     /* 0, as in the paper: the result is STEEPEST_VOTE_TERNARY */
    STEEPEST_TIE_POSITIVE = 1, /* 1, and the result STEEPEST_VOTE_SIGNS as in the two that follow */
    STEEPEST_TIE_NEGATIVE = 2, /* -1 */
    STEEPEST_TIE_FIRST = 3     /* what the first worker has */
} steepest_tie;

typedef struct steepest_vote_args {
    size_t struct_size;
    int32_t workers;      /* 1 to 65535 */
    int32_t bits;         /* of the messages: 1 or 2 */
    int64_t plane_size;   /* bytes of one plane, or of the same part of every plane */
    const void* messages; /* of the first worker */
    int64_t stride;       /* bytes from one worker's message to the next one's; the planes of a
                             message follow each other */
    int32_t outcome;      /* 0: majority, 1: sum */
    int32_t tie;          /* steepest_tie of a majority; with 2 bits only STEEPEST_TIE_ZERO */
    void* result; /* planes of the form that `outcome`, `tie` and `bits` imply; may overlap nothing
                   */
    int64_t result_size; /* their bytes */
} steepest_vote_args;

/* Counts the votes. A NaN of any worker is NaN in the result, with 2 bits. */
STEEPEST_API steepest_status steepest_vote(const steepest_vote_args* args);

/* One parameter tensor, as in steepest_tensor. */
typedef struct steepest_voted_tensor {
    int64_t count;
    uint32_t id;
    int64_t step;
    uint64_t seed;
    double lr, weight_decay;
    steepest_array param;
    steepest_array working_copy; /* may have no data */
} steepest_voted_tensor;

typedef struct steepest_vote_step_args {
    size_t struct_size;
    size_t tensor_size; /* sizeof(steepest_voted_tensor) */
    int64_t tensor_count;
    const steepest_voted_tensor* tensors;
    int32_t form;    /* steepest_vote_form */
    int32_t workers; /* of a sum; else 1 */
    const void* votes;
    int64_t votes_size; /* bytes of all planes */
    void* workspace;    /* aligned to 64 bytes */
    size_t workspace_size;
} steepest_vote_step_args;

STEEPEST_API steepest_status steepest_vote_step_workspace(const steepest_vote_step_args* args,
                                                          size_t* size);

/* The step of all tensors with the direction that the planes hold. */
STEEPEST_API steepest_status steepest_vote_step(const steepest_vote_step_args* args);

/* ---- Gradients of several samples or workers
 * --------------------------------------------------------------------------------------
 *
 * What tests of the batch size need: Bollapragada, Byrd and Nocedal, arXiv 1710.11258; AdAdaGrad,
 * arXiv 2402.11215. */

typedef struct steepest_moment_args {
    size_t struct_size;
    int64_t samples;             /* n, at least 1 */
    int64_t tensor_count;        /* of each sample's gradient */
    const int64_t* sizes;        /* elements of each tensor */
    const steepest_array* grads; /* n times tensor_count, sample after sample, dense */
    void* workspace;             /* aligned to 64 bytes */
    size_t workspace_size;
    double* deviations; /* receives |g_i - mean|^2 of each sample */
    double* products;   /* receives <g_i, mean> of each sample */
    double mean_square; /* result: |mean|^2 */
} steepest_moment_args;

STEEPEST_API steepest_status steepest_gradient_moments_workspace(const steepest_moment_args* args,
                                                                 size_t* size);

/* All sums are in double and run over the fixed tree: the same bits on every target and for any
 * number of threads. The mean is that of the samples in order, rounded once more by its division.
 * Each element is read from memory once, as long as a block of all samples fits the caches. */
STEEPEST_API steepest_status steepest_gradient_moments(steepest_moment_args* args);

#ifdef __cplusplus
}
#endif

#endif /* STEEPEST_DISTRIBUTED_H */
