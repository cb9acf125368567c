/* Steepest: products of matrices, orthogonalisation, norms of rows and columns. */
#ifndef STEEPEST_STEEPEST_H
#include <steepest/steepest.h> /* which includes this file, after what it needs */
#elif !defined(STEEPEST_POLAR_H)
#define STEEPEST_POLAR_H

#ifdef __cplusplus
extern "C" {
#endif

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
    int32_t dtype;        /* STEEPEST_F32, STEEPEST_F64 or STEEPEST_BF16; with a stream also F16 */
} steepest_operand;

/* Of C before it is rounded to half precision, summed in double. */
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
    void* stream; /* see Devices; null on the CPU. `sums` then is on the device too */
    int32_t device;
} steepest_multiply_args;

/* A in double goes with C and D in double; A in float or half precision with C and D in any of
 * these, sums being in float. NaN and infinities pass through. The bits do not depend on the number
 * of threads; they do on the CPU target, and on whether a device computes them. */
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
    int32_t compute; /* steepest_dtype of the products: F64, F32, or BF16 and, with a stream, F16
                        with float32 accumulation */
    int32_t normalization;
    int32_t steps;
    int32_t restart_count;
    const double* coefficients; /* a, b, c of each step */
    const int32_t* restarts;    /* steps after which the Gram matrix is made anew, ascending */
    double safety;              /* the normalised matrix is divided by this, at least 1 */
    void* workspace;            /* aligned to 64 bytes */
    size_t workspace_size;
    void* stream; /* see Devices; null on the CPU */
    int32_t device;
} steepest_orthogonalize_args;

/* A zero matrix gives zero; a matrix with a NaN or an infinity gives NaN. Many small matrices of
 * one shape are shared out to the threads, others worked on one by one by all threads, so the
 * workspace holds a few matrices however many there are. The bits do not depend on the number of
 * threads; they do on the CPU target.
 *
 * With a stream the matrices of one shape and method are worked on together, each product of all of
 * them by one launch (and all steps, for matrices of up to 128 x 128 but in double), or as many at
 * a time as the workspace has room for: more than 256 MiB are asked for only where one matrix needs
 * them, and what each matrix needs by itself is enough. The bits are the same on every call,
 * whatever the workspace, and others than on the CPU. */
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
    void* workspace; /* aligned to 64 bytes; none is needed on the CPU */
    size_t workspace_size;
    void* stream; /* see Devices; null on the CPU */
    int32_t device;
} steepest_normalize_args;

/* Sums run in double over a fixed tree along each row or column: the same bits for any number of
 * threads, any target or device and any strides. Infinities and NaN give NaN in their row, column
 * or matrix. */
STEEPEST_API steepest_status steepest_normalize(const steepest_normalize_args* args);
STEEPEST_API steepest_status steepest_normalize_workspace(const steepest_normalize_args* args,
                                                          size_t* size);

/* ---- Sums along rows and columns
 * -------------------------------------------------------------------
 *
 * sums[i] = sum_j x_ij y_ij, or sums[j] = sum_i x_ij y_ij. */
typedef struct steepest_line_sums_args {
    size_t struct_size;
    int64_t rows, cols;
    int32_t axis;    /* that is summed over: 1, one sum per row; 0, one per column */
    int32_t x_dtype; /* steepest_dtype */
    int32_t y_dtype;
    const void* x;
    const void* y;                      /* null: x itself, for sums of squares */
    int64_t x_row_stride, x_col_stride; /* in elements */
    int64_t y_row_stride, y_col_stride;
    double* sums;
    void* workspace; /* aligned to 64 bytes */
    size_t workspace_size;
    void* stream; /* see Devices; x, y, sums and workspace then are on the device */
    int32_t device;
} steepest_line_sums_args;

/* Products and sums are in double, over a fixed tree along the memory of x: the same bits for any
 * number of threads, any target and any device. NaN and infinities pass on. */
STEEPEST_API steepest_status steepest_line_sums(const steepest_line_sums_args* args);
STEEPEST_API steepest_status steepest_line_sums_workspace(const steepest_line_sums_args* args,
                                                          size_t* size);

/* ---- Passes over matrices
 * ---------------------------------------------------------------------------------------
 *
 * What programs of products need between them: sums of matrices and the identity, and a look at
 * their elements. */

/* How the elements of each matrix of a batch lie. */
typedef struct steepest_elements {
    int64_t row_stride, col_stride; /* in elements, of any sign */
    int32_t dtype;                  /* steepest_dtype */
} steepest_elements;

/* out = a x 2^x_power + b y 2^y_power + c I, in double, rounded once. */
typedef struct steepest_combination {
    const void* x; /* null: none, as y */
    const void* y;
    void* out; /* apart from x and y; ignored by steepest_compare */
    double a, b, c;
    int32_t x_power, y_power; /* from -2000 to 2000 */
} steepest_combination;

/* Of a matrix x and another one, y: the largest magnitude in x, the sum of the products of their
 * elements, in double, how many elements differ, and how many of x are no finite numbers. */
typedef struct steepest_comparison {
    double largest, product, unequal, nonfinite;
} steepest_comparison;

typedef struct steepest_combine_args {
    size_t struct_size;
    size_t item_size;                  /* sizeof(steepest_combination) */
    int64_t count, rows, cols;         /* of all matrices, as they are read: with their strides
                                          exchanged, x and y are transposed */
    const steepest_combination* items; /* one per matrix, in host memory; read before the return */
    steepest_elements x, y, out;
    steepest_comparison* found; /* of steepest_compare: receives one per matrix; y null: x itself */
    void* workspace;            /* aligned to 64 bytes */
    size_t workspace_size;
    void* stream; /* see Devices; x, y, out, found and workspace then are on the device */
    int32_t device;
} steepest_combine_args;

/* The same bits everywhere and for any strides. Without a stream they run on the calling thread. */
STEEPEST_API steepest_status steepest_combine(const steepest_combine_args* args);
STEEPEST_API steepest_status steepest_compare(const steepest_combine_args* args);
/* For both. */
STEEPEST_API steepest_status steepest_combine_workspace(const steepest_combine_args* args,
                                                        size_t* size);

#ifdef __cplusplus
}
#endif

#endif /* STEEPEST_POLAR_H */
