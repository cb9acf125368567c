/* Steepest: adaptive clipping of gradients by units. Included by steepest.h, whose types it uses.
 * Clipping by norms and by value is a part of steepest_step; the rule "clip" does nothing else. */
#ifndef STEEPEST_CLIPPING_H
#define STEEPEST_CLIPPING_H

#include <steepest/steepest.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A gradient with its parameter, both in the same element order: `units` runs of `length` elements
 * one after the other, as the rows of a matrix are or the filters of a convolution. Each array is
 * aligned to its item size and may be of any dtype; gradients overlap no other array. */
typedef struct steepest_unit_tensor {
    int64_t units;
    int64_t length;
    steepest_array grad;  /* scaled in place; null data: left out */
    steepest_array param; /* only read */
} steepest_unit_tensor;

typedef struct steepest_clip_units_args {
    size_t struct_size;
    size_t tensor_size; /* sizeof(steepest_unit_tensor) */
    int64_t count;
    const steepest_unit_tensor* tensors;
    double factor;   /* above 0 and finite: of the norm of a parameter's unit, the longest that the
                        gradient's may be */
    double eps;      /* at least 0 and finite: parameters' norms below it count as it */
    void* workspace; /* with a stream; aligned to 64 bytes */
    size_t workspace_size;
    void* stream; /* see Devices in steepest.h */
    int32_t device;
} steepest_clip_units_args;

/* Brings the L2 norm of each unit of a gradient down to factor max(norm of the parameter's unit,
 * eps): Brock et al., arXiv 2102.06171, equation 3. A norm that is NaN makes its unit NaN, an
 * infinite one of a gradient makes it 0 with NaNs. */
STEEPEST_API steepest_status steepest_clip_units(const steepest_clip_units_args* args);
STEEPEST_API steepest_status steepest_clip_units_workspace(const steepest_clip_units_args* args,
                                                           size_t* size);

#ifdef __cplusplus
}
#endif

#endif /* STEEPEST_CLIPPING_H */
