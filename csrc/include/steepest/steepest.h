/* Steepest: the C interface.
 *
 * Every entry takes plain pointers and sizes, returns a status and never throws, prints or exits.
 * Structs that may grow begin with their size in bytes, so that a program built against an older
 * header keeps working. The library allocates nothing that outlives a call: what it needs is asked
 * for by size and handed in by the caller. All entries may be called from many threads at once on
 * different memory.
 */
#ifndef STEEPEST_STEEPEST_H
#define STEEPEST_STEEPEST_H

#include <stddef.h>
#include <stdint.h>

#define STEEPEST_VERSION_MAJOR 0
#define STEEPEST_VERSION_MINOR 1
#define STEEPEST_VERSION_PATCH 0

#if defined(_WIN32)
#define STEEPEST_API
#else
#define STEEPEST_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum steepest_status {
    STEEPEST_OK = 0,
    STEEPEST_INVALID_ARGUMENT = 1, /* a pointer, count, step or size */
    STEEPEST_INVALID_DTYPE = 2,    /* storage types that do not go together */
    STEEPEST_INVALID_HYPER = 3,    /* a hyper-parameter outside its range */
    STEEPEST_UNKNOWN_RULE = 4,
    STEEPEST_WORKSPACE_TOO_SMALL = 5,
    STEEPEST_UNKNOWN_TARGET = 6, /* STEEPEST_CPU_TARGET names none that can be used */
    STEEPEST_NO_CUDA = 7,        /* a device call, and the library was built without CUDA */
    STEEPEST_OUT_OF_MEMORY = 8,
    STEEPEST_INTERNAL_ERROR = 9,
    STEEPEST_DEVICE_ERROR = 10 /* CUDA reported an error; see steepest_last_device_error */
} steepest_status;

STEEPEST_API const char* steepest_status_string(steepest_status status);

/* What CUDA said at the calling thread's last STEEPEST_DEVICE_ERROR, with the name of the kernel
 * or call; "" when there was none. Valid until the thread's next call. */
STEEPEST_API const char* steepest_last_device_error(void);

/* "major.minor.patch" of the library itself. */
STEEPEST_API const char* steepest_version(void);

/* One line that names the compiler and its version. */
STEEPEST_API const char* steepest_compiler(void);

/* 1 when the library was built with CUDA kernels. */
STEEPEST_API int steepest_has_cuda(void);

/* ---- CPU targets and threads --------------------------------------------------------------------
 */

/* Number of targets the library knows, and the name of one; null outside the range. */
STEEPEST_API int steepest_cpu_target_count(void);
STEEPEST_API const char* steepest_cpu_target_name(int target);
/* 1 when the target is compiled in, and when this processor can run it too. */
STEEPEST_API int steepest_cpu_target_compiled(int target);
STEEPEST_API int steepest_cpu_target_usable(int target);
/* The target in use: set by steepest_cpu_use, else by the environment variable STEEPEST_CPU_TARGET,
 * else the best usable one. Null when the variable names none that can be used. */
STEEPEST_API const char* steepest_cpu_active(void);
STEEPEST_API steepest_status steepest_cpu_use(const char* name);

/* Threads a large call uses: OpenMP's setting for the calling thread. */
STEEPEST_API int steepest_max_threads(void);
STEEPEST_API steepest_status steepest_set_max_threads(int threads);

/* ---- Devices
 * -------------------------------------------------------------------------------------
 *
 * Entries with a `stream` work on arrays in host memory when it is null. Otherwise it is a
 * cudaStream_t, with cudaStreamLegacy, (void*)1, for the default stream, and arrays, workspace and
 * results are in memory of the CUDA device `device`. Such calls enqueue their work and return
 * without waiting for it; they may be captured into a CUDA graph. The current device is put back.
 */

/* A stream that stands for the emulation of device code on the host, with arrays in host memory:
 * the same descriptors, chunks and arithmetic as on a GPU, one thread after the other. For tests.
 */
#define STEEPEST_STREAM_EMULATED ((void*)~(uintptr_t)0)

/* CUDA devices that can be used; 0 without a driver or CUDA kernels. */
STEEPEST_API int steepest_device_count(void);

/* Stream-ordered memory of a device, for callers that have no allocator of their own. */
STEEPEST_API steepest_status steepest_device_malloc(size_t size, int32_t device, void* stream,
                                                    void** memory);
STEEPEST_API steepest_status steepest_device_free(void* memory, int32_t device, void* stream);

/* Makes the work of `stream` that follows wait for what `before` holds now. Nothing happens between
 * a stream that is captured and one that is not in the same capture: who captures orders them. */
STEEPEST_API steepest_status steepest_device_wait(int32_t device, void* stream, void* before);

/* 1 while the stream is captured into a CUDA graph. A workspace that a captured step used must be
 * kept as long as the graph. */
STEEPEST_API int steepest_device_captures(int32_t device, void* stream);

/* Copies `size` bytes from the device to the host once the stream has come so far, and waits for
 * it. */
STEEPEST_API steepest_status steepest_device_read(void* to, const void* from, size_t size,
                                                  int32_t device, void* stream);

/* ---- Rules: what a fused step can be
 * ------------------------------------------------------------- */

typedef enum steepest_dtype {
    STEEPEST_F32 = 0,
    STEEPEST_F64 = 1,
    STEEPEST_BF16 = 2,
    STEEPEST_F16 = 3
} steepest_dtype;

typedef enum steepest_rounding { STEEPEST_NEAREST = 0, STEEPEST_STOCHASTIC = 1 } steepest_rounding;

typedef enum steepest_stream_kind {
    STEEPEST_ELEMENT = 0, /* one value per element of the parameter */
    STEEPEST_ROW = 1,     /* one per row of each matrix */
    STEEPEST_COLUMN = 2   /* one per column of each matrix */
} steepest_stream_kind;

typedef enum steepest_decay {
    STEEPEST_DECAY_L2 = 0,        /* g + weight_decay p */
    STEEPEST_DECAY_DECOUPLED = 1, /* p (1 - lr weight_decay) before the step */
    STEEPEST_DECAY_OWN = 2        /* the rule has its own; the only choice for it */
} steepest_decay;

#define STEEPEST_MAX_STATES 4
#define STEEPEST_MAX_HYPERS 6

typedef struct steepest_state_info {
    const char* name;
    const char* doc;
    int32_t kind;      /* steepest_stream_kind */
    int32_t form;      /* 0: all tensors have it, 1: those of 2 or more dimensions, 2: the others */
    int32_t optional;  /* 1: may be null ... */
    int32_t needed_by; /* ... unless this keyword's value is not 0; -1: none */
} steepest_state_info;

typedef struct steepest_hyper_info {
    const char* name;
    const char* doc;
    const char* choices; /* for type 2: names separated by '|'; the value is the position */
    double value[2];     /* defaults; NaN: derived from the parameter's dtype */
    double low, high;    /* closed range ... */
    int32_t high_open;   /* ... but for the upper end when this is 1 */
    int32_t length;      /* 1 or 2 numbers */
    int32_t type;        /* 0 number, 1 boolean, 2 choice */
    int32_t none_allowed;
} steepest_hyper_info;

typedef struct steepest_rule_info {
    size_t struct_size;
    const char* name;
    const char* class_name; /* of the optimizer class in Python; "" for none */
    const char* summary;
    const char* source;
    const char* vector_rule; /* the rule for tensors of fewer than 2 dimensions, or null */
    double lr, weight_decay; /* defaults */
    int32_t decay;           /* steepest_decay, default */
    int32_t needs_step;
    int32_t state_count;
    int32_t hyper_count;
    steepest_state_info states[STEEPEST_MAX_STATES];
    steepest_hyper_info hypers[STEEPEST_MAX_HYPERS];
    int32_t is_public; /* 0: a part of another rule, its vector_rule */
} steepest_rule_info;

STEEPEST_API int steepest_rule_count(void);
/* Number of the rule with this name, or -1. */
STEEPEST_API int steepest_rule_find(const char* name);
/* Fills *info, whose struct_size the caller has set. */
STEEPEST_API steepest_status steepest_rule_describe(int rule, steepest_rule_info* info);

/* ---- Steps
 * --------------------------------------------------------------------------------------- */

typedef struct steepest_array {
    void* data; /* null: not there (optional states, no working copy) */
    int32_t dtype;
    int32_t rounding; /* of what is written in bf16 or f16 */
} steepest_array;

/* One parameter tensor, dense, and the arrays that go with it in the same element order, each
 * aligned to its item size. Float64 goes with float64 only; bf16 with everything but float64; f16
 * only as parameter, gradient and working copy. Written arrays may overlap no other array of the
 * call. */
typedef struct steepest_tensor {
    int64_t count; /* elements */
    int64_t rows;  /* of each matrix, for rules with row and column states, else 0 ... */
    int64_t cols;  /* ... the tensor being count / (rows cols) matrices one after the other */
    int32_t column_major;
    uint32_t id;  /* the tensor's coordinate in random draws: its position in the list, as a rule */
    int64_t step; /* from 1 */
    double lr;
    double weight_decay;
    steepest_array param;
    steepest_array grad; /* null data: the tensor is left alone */
    steepest_array state[STEEPEST_MAX_STATES];
    steepest_array working_copy; /* receives the new parameter in its own dtype */
    /* With a stream, step and lr may lie on the device, where a replayed graph finds them anew. */
    int64_t* step_at; /* counts the steps applied so far: the call takes the next one and, unless it
                         is skipped, advances the counter, once however many tensors share it; null:
                         step counts */
    steepest_array lr_at; /* one float32 or float64; null data: lr counts */
} steepest_tensor;

/* Tensors that share a rule and its hyper-parameters. */
typedef struct steepest_group {
    int32_t rule;
    int32_t decay;       /* steepest_decay; ignored by rules with their own */
    int32_t maximize;    /* 1: ascend */
    int32_t hyper_count; /* numbers in hyper; 0: the rule's defaults */
    const double* hyper; /* the keywords' numbers one after the other */
    int64_t tensor_count;
    const steepest_tensor* tensors;
} steepest_group;

typedef struct steepest_step_args {
    size_t struct_size;
    size_t group_size;  /* sizeof(steepest_group) */
    size_t tensor_size; /* sizeof(steepest_tensor) */
    int64_t group_count;
    const steepest_group* groups;
    double grad_scale;    /* gradients are divided by it first; 1: as they are */
    double max_grad_norm; /* bound of the L2 norm over all gradients; negative or infinite: none */
    int32_t skip_nonfinite; /* 1: change nothing when a gradient has a NaN or an infinity */
    int32_t device;         /* CUDA device, with a stream */
    uint64_t seed;          /* of stochastic rounding */
    void* workspace;        /* at least what steepest_step_workspace says, aligned to 64 bytes */
    size_t workspace_size;
    void* stream;                 /* see Devices; null on the CPU */
    steepest_array grad_scale_at; /* with a stream: one float32 or float64 on the device instead of
                                     grad_scale; null data: grad_scale counts */
    /* With a stream, host memory of steepest_step_mirror's size that belongs to the workspace, all
     * zeros at first: it remembers what the workspace holds, so that a later call with the same
     * workspace transfers only what has changed. May be null. */
    void* mirror;
    size_t mirror_size;
    /* results without a stream */
    int32_t skipped;  /* 1: skip_nonfinite found something */
    double grad_norm; /* total norm after grad_scale when it was needed, else NaN */
    /* results with a stream: where in the workspace the same two will be; null when not needed */
    const int32_t* skipped_at;
    const double* grad_norm_at;
} steepest_step_args;

/* Bytes of workspace, and of the mirror, that a step with these arguments needs. */
STEEPEST_API steepest_status steepest_step_workspace(const steepest_step_args* args, size_t* size);
STEEPEST_API steepest_status steepest_step_mirror(const steepest_step_args* args, size_t* size);

/* One step of every tensor of every group. Arguments are checked before anything is written. After
 * STEEPEST_DEVICE_ERROR a part of the tensors may have been stepped. */
STEEPEST_API steepest_status steepest_step(steepest_step_args* args);

/* L2 norms of arrays and whether all their elements are finite. The sums run over the fixed tree
 * that clipping uses. */
typedef struct steepest_norm_args {
    size_t struct_size;
    int64_t count;
    const steepest_array* arrays; /* null data: left out */
    const int64_t* sizes;         /* elements */
    double* norms;                /* receives one norm per array, 0 where data is null */
    double* total;                /* receives the norm of all */
    int32_t* finite;              /* receives 1 or 0 */
    void* workspace;              /* aligned to 64 bytes */
    size_t workspace_size;
    void* stream; /* see Devices; the three results then are on the device too */
    int32_t device;
} steepest_norm_args;

STEEPEST_API steepest_status steepest_grad_norm(const steepest_norm_args* args);
STEEPEST_API steepest_status steepest_grad_norm_workspace(const steepest_norm_args* args,
                                                          size_t* size);

/* ---- Products of matrices
 * ---------------------------------------------------------------------------------------
 *
 * C = alpha P + beta D + gamma I for a batch of matrices, where P is one of the products below. */

typedef enum steepest_product {
    STEEPEST_PRODUCT_GRAM = 0,      /* A A^T; half the work, and C is exactly symmetric */
    STEEPEST_PRODUCT_SYMMETRIC = 1, /* A B of symmetric matrices that commute; the same */
    STEEPEST_PRODUCT_GENERAL = 2    /* A B */
} steepest_product;

/* The same matrix of every member of a batch, row-major: strides in elements. */
typedef struct steepest_operand {
    void* data;
    int64_t row_stride;   /* at least the columns */
    int64_t batch_stride; /* of any sign; 0: one matrix for the whole batch, not for C */
    int32_t dtype;        /* STEEPEST_F32, STEEPEST_F64 or STEEPEST_BF16 */
} steepest_operand;

/* Of C before it is rounded to bfloat16, summed in double. */
typedef struct steepest_by_products {
    double trace;
    double squares; /* of all elements */
} steepest_by_products;

typedef struct steepest_multiply_args {
    size_t struct_size;
    int32_t product;
    int64_t count;             /* of matrices */
    int64_t rows, inner, cols; /* A is rows x inner, B inner x cols, C and D rows x cols; all three
                                  are equal for symmetric products, rows and cols for Gram
                                  matrices */
    double alpha, beta, gamma; /* finite; rounded to the type of the sums */
    steepest_operand a;
    steepest_operand b;         /* ignored for Gram matrices, else of A's dtype */
    steepest_operand d;         /* null data, or beta 0: none; may be C; symmetric where C is, and
                                   then its lower triangle is read */
    steepest_operand c;         /* overlaps no other operand, but for D where it is C */
    steepest_by_products* sums; /* receives one entry per matrix; may be null, and is for general
                                   products */
    void* workspace;            /* aligned to 64 bytes */
    size_t workspace_size;
} steepest_multiply_args;

/* A in double goes with C and D in double; A in float or bfloat16 with C and D in either, sums
 * being in float. NaN and infinities pass through. The bits do not depend on the number of threads;
 * they do on the CPU target. */
STEEPEST_API steepest_status steepest_multiply(const steepest_multiply_args* args);
STEEPEST_API steepest_status steepest_multiply_workspace(const steepest_multiply_args* args,
                                                         size_t* size);

/* ---- Orthogonalisation
 * ---------------------------------------------------------------------------
 *
 * Newton-Schulz iterations: every singular value s of a normalised matrix goes through the odd
 * polynomials a s + b s^3 + c s^5 of the steps, towards 1. */

typedef enum steepest_polar_method {
    STEEPEST_POLAR_STANDARD = 0, /* iterates on the matrix */
    STEEPEST_POLAR_GRAM = 1      /* iterates on its Gram matrix, and multiplies once at the end */
} steepest_polar_method;

typedef enum steepest_normalization {
    STEEPEST_FROBENIUS = 0, /* divides by the Frobenius norm */
    STEEPEST_SCHATTEN4 =
        1,             /* by the fourth root of the sum of the singular values' fourth powers */
    STEEPEST_AOL = 2,  /* divides each row of the short side by the root of its absolute sum in
                          the Gram matrix; the limit is then the polar factor of that matrix */
    STEEPEST_BOUND = 3 /* by a given bound of the largest singular value */
} steepest_normalization;

/* One matrix and where its result goes: memory of the same shape, which may be the input itself but
 * must not overlap it otherwise. Strides in elements. */
typedef struct steepest_matrix {
    const void* data;
    void* result;
    int64_t rows, cols;
    int64_t row_stride, col_stride;
    int64_t result_row_stride, result_col_stride;
    int32_t dtype;  /* steepest_dtype, of both */
    int32_t method; /* steepest_polar_method */
    double bound;   /* for STEEPEST_BOUND: positive */
} steepest_matrix;

typedef struct steepest_orthogonalize_args {
    size_t struct_size;
    size_t matrix_size; /* sizeof(steepest_matrix) */
    int64_t count;
    const steepest_matrix* matrices;
    int32_t
        compute; /* steepest_dtype of the products: F64, F32, or BF16 with float32 accumulation */
    int32_t normalization;
    int32_t steps;
    int32_t restart_count;
    const double* coefficients; /* a, b, c of each step */
    const int32_t* restarts;    /* steps after which the Gram matrix is made anew, ascending */
    double safety;              /* the normalised matrix is divided by this, at least 1 */
    void* workspace;            /* aligned to 64 bytes */
    size_t workspace_size;
} steepest_orthogonalize_args;

/* A zero matrix gives zero; a matrix with a NaN or an infinity gives NaN. Matrices of one shape are
 * worked on together. The bits do not depend on the number of threads; they do on the CPU target.
 */
STEEPEST_API steepest_status steepest_orthogonalize(const steepest_orthogonalize_args* args);
STEEPEST_API steepest_status
steepest_orthogonalize_workspace(const steepest_orthogonalize_args* args, size_t* size);

/* ---- Norms of rows and columns
 * --------------------------------------------------------------------- */

typedef enum steepest_norm_kind {
    STEEPEST_ROW_NORMS = 0,    /* one for each row */
    STEEPEST_COLUMN_NORMS = 1, /* one for each column */
    STEEPEST_WHOLE_NORM = 2,   /* one for all elements */
    STEEPEST_SIGNS = 3,        /* no norm: scale sign(x), with sign(0) = 0 */
    STEEPEST_NO_NORM = 4       /* scale x */
} steepest_norm_kind;

/* result = scale x / (norm + eps) with the Euclidean norm of the kind; 0 where that divides by
 * zero. The result may be the input itself but must not overlap it otherwise. Strides in elements.
 */
typedef struct steepest_normalized {
    const void* data;
    void* result;
    int64_t rows, cols;
    int64_t row_stride, col_stride;
    int64_t result_row_stride, result_col_stride;
    int32_t dtype; /* steepest_dtype, of both */
    int32_t kind;  /* steepest_norm_kind */
    double scale, eps;
    /* Not null, with row norms: one second moment per row, beta2 v + (1 - beta2) (mean square of
     * the row), is updated, and result = scale c x / (sqrt(v) + eps), where c keeps the norm of all
     * elements. */
    void* moments;
    double beta2;
    int32_t moments_dtype; /* F32 or F64 */
} steepest_normalized;

typedef struct steepest_normalize_args {
    size_t struct_size;
    size_t matrix_size; /* sizeof(steepest_normalized) */
    int64_t count;
    const steepest_normalized* matrices;
} steepest_normalize_args;

/* Sums run in double over a fixed tree along each row or column: the same bits for any number of
 * threads, any target and any strides. Infinities and NaN give NaN in their row, column or matrix.
 */
STEEPEST_API steepest_status steepest_normalize(const steepest_normalize_args* args);

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
    double total; /* result: z^T h of all */
} steepest_probe_args;

STEEPEST_API steepest_status steepest_probe_workspace(const steepest_probe_args* args,
                                                      size_t* size);

/* Writes a probe to the values. */
STEEPEST_API steepest_status steepest_probe_fill(const steepest_probe_args* args);

/* Takes in products h = H z of a probe: the statistics of every element and the sums z^T h, added
 * over the fixed tree in double, in one pass. The same bits on every target and for any number of
 * threads. A NaN passes on. Written arrays may overlap no other array of the call. */
STEEPEST_API steepest_status steepest_probe_accumulate(steepest_probe_args* args);

/* ---- Spectral norms
 * ---------------------------------------------------------------------------
 *
 * Bounds of the largest singular value from the Gram matrix of the short side: by a vector and a
 * verified factorisation, or by squaring it again and again, each squaring halving the logarithm of
 * what is between a bound and the norm. */

typedef enum steepest_spectral_method {
    STEEPEST_SPECTRAL_INTERVAL = 0, /* lower <= norm <= upper, all rounding errors included */
    STEEPEST_SPECTRAL_ESTIMATE = 1, /* the same in float32, without regard to rounding */
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
    int32_t* iterations_done; /* one per matrix, or null */
    double* const* left;  /* null, or where each matrix's left singular vector goes, of length */
    double* const* right; /* one; likewise right; either null: not wanted */
    void* workspace;      /* aligned to 64 bytes */
    size_t workspace_size;
} steepest_spectral_norm_args;

/* A matrix of zeros, or of no elements, has norm zero and zeros for vectors; one with a NaN or an
 * infinity gets NaN everywhere. The bits do not depend on the number of threads; they do on the CPU
 * target. */
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
    void* workspace;                 /* aligned to 64 bytes */
    size_t workspace_size;
} steepest_spectral_gradient_args;

STEEPEST_API steepest_status
steepest_spectral_gradient(const steepest_spectral_gradient_args* args);
STEEPEST_API steepest_status
steepest_spectral_gradient_workspace(const steepest_spectral_gradient_args* args, size_t* size);

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
} steepest_norm_report_args;

/* Sums in double over a fixed tree, without overflow or underflow of a square: the same bits for
 * any number of threads, any target and any strides. NaN everywhere for a matrix with a NaN. */
STEEPEST_API steepest_status steepest_norm_report(const steepest_norm_report_args* args);

#ifdef __cplusplus
}
#endif

#endif /* STEEPEST_STEEPEST_H */
