/* Steepest: the C interface. This header is all that a program includes: the others come with it.
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

/* What a device would have launched for the steps of the calling thread on that stream since it
 * last asked: returns how many kernels and copies, and gives their names in order, once `capacity`
 * is enough. Nothing is kept before the first time it asks. */
STEEPEST_API int64_t steepest_emulated_launches(const char** names, int64_t capacity);

/* CUDA devices that can be used; 0 without a driver or CUDA kernels. */
STEEPEST_API int steepest_device_count(void);

/* Who makes large general products on devices: "cublasLt 13.1.0", or "own kernels" with the reason
 * in parentheses; "" without CUDA kernels. The environment variable STEEPEST_CUBLASLT, read at the
 * first of them, is "off" or the path of the library. */
STEEPEST_API const char* steepest_device_products(void);

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
    STEEPEST_COLUMN = 2,  /* one per column of each matrix */
    STEEPEST_TENSOR = 3   /* one number for the tensor */
} steepest_stream_kind;

typedef enum steepest_decay {
    STEEPEST_DECAY_L2 = 0,        /* g + weight_decay p */
    STEEPEST_DECAY_DECOUPLED = 1, /* p (1 - lr weight_decay) before the step */
    STEEPEST_DECAY_OWN = 2,       /* the rule has its own; the only choice for it */
    STEEPEST_DECAY_CAUTIOUS = 3   /* decoupled, but not of elements that the step moves away from
                                     0; refused for rules with their own */
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
    double value[3];     /* defaults; NaN: derived from the parameter's dtype */
    double low, high;    /* closed range ... */
    int32_t high_open;   /* ... but for the upper end when this is 1 */
    int32_t length;      /* 1 to 3 numbers */
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
    int32_t is_public;  /* 0: a part of another rule, its vector_rule */
    int32_t list_terms; /* sums that steepest_list_sums gives, for keywords of the next step */
    int32_t row_sums;   /* 1: it needs to know the rows of a tensor, see steepest_tensor */
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
    int64_t cols;  /* ... the tensor being count / (rows cols) matrices one after the other; for
                      rules with row_sums the length of the first axis and of what is left of the
                      tensor, or 0 and 0 for one of fewer than 2 dimensions */
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
    int32_t decay;       /* steepest_decay; rules with their own ignore all but CAUTIOUS */
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
    uint64_t seed;          /* of all that is random */
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
    /* Bounds of each gradient by itself, after grad_scale; 0, negative or infinite: none. Of the
     * bounds of norms the stricter counts for a tensor; elements are bounded after that. */
    double max_tensor_norm; /* of its L2 norm */
    double max_grad_value;  /* of the size of each element; an infinity becomes the bound */
    /* Memory that receives the norms after grad_scale, on the device with a stream; null: none. */
    double* tensor_norms; /* one per tensor of all groups, 0 where it is left alone */
    double* total_norm;
    int32_t* finite; /* 1 or 0 */
} steepest_step_args;

/* Bytes of workspace, and of the mirror, that a step with these arguments needs. */
STEEPEST_API steepest_status steepest_step_workspace(const steepest_step_args* args, size_t* size);
STEEPEST_API steepest_status steepest_step_mirror(const steepest_step_args* args, size_t* size);

/* One step of every tensor of every group. Arguments are checked before anything is written. After
 * STEEPEST_DEVICE_ERROR a part of the tensors may have been stepped. */
STEEPEST_API steepest_status steepest_step(steepest_step_args* args);

/* The sums over all tensors of all groups that a rule's keywords depend on, as its `source` says:
 * list_terms numbers of steepest_rule_info. The groups are of one such rule, and optional states
 * are needed too. Arguments and results are those of a step, whose gradients the sums see as that
 * step would: scaled, clipped, decayed. Nothing is written but workspace and `sums`, which are on
 * the device with a stream; a step that skip_nonfinite holds back has zeros. The same bits for any
 * number of threads and on any target or device: blocks and tensors are added in the order of the
 * gradient's norm. The mirror is not used. */
STEEPEST_API steepest_status steepest_list_sums(steepest_step_args* args, double* sums);
STEEPEST_API steepest_status steepest_list_sums_workspace(const steepest_step_args* args,
                                                          size_t* size);

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

#ifdef __cplusplus
}
#endif

/* The other families, which use the types above. */
#include <steepest/clipping.h>
#include <steepest/curvature.h>
#include <steepest/distributed.h>
#include <steepest/norms.h>
#include <steepest/polar.h>

#endif /* STEEPEST_STEEPEST_H */
