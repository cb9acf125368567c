/* Passes over matrices: sums of pairs and what is found in them, and what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kRows = 70, kCols = 5, kCount = 2, kSize = kRows * kCols };

typedef struct Call {
    float x[kCount * kSize];
    double y[kCount * kSize]; /* column-major */
    float out[kCount * kSize];
    steepest_comparison found[kCount];
    steepest_combination items[kCount];
    steepest_combine_args args;
} Call;

static void set_up(Call* call, void* stream) {
    memset(call, 0, sizeof *call);
    for (int i = 0; i < kCount * kSize; ++i) {
        call->x[i] = (float)sin(i + 1.0);
        call->y[i] = cos(i + 1.0);
    }
    for (int i = 0; i < kCount; ++i) {
        steepest_combination* item = &call->items[i];
        item->x = call->x + i * kSize;
        item->y = call->y + i * kSize;
        item->out = call->out + i * kSize;
        item->a = 3;
        item->b = i;
        item->c = 0.25;
        item->x_power = -1;
        item->y_power = 2;
    }
    steepest_combine_args* a = &call->args;
    a->struct_size = sizeof *a;
    a->item_size = sizeof(steepest_combination);
    a->count = kCount;
    a->rows = kRows;
    a->cols = kCols;
    a->items = call->items;
    a->x.row_stride = a->out.row_stride = kCols;
    a->x.col_stride = a->out.col_stride = a->y.row_stride = 1;
    a->y.col_stride = kRows;
    a->x.dtype = a->out.dtype = STEEPEST_F32;
    a->y.dtype = STEEPEST_F64;
    a->stream = stream;
}

static steepest_status run(Call* call) {
    size_t size = 0;
    const steepest_status status = steepest_combine_workspace(&call->args, &size);
    if (status) return status;
    call->args.workspace = aligned_memory(size);
    call->args.workspace_size = size;
    const steepest_status result =
        call->args.found ? steepest_compare(&call->args) : steepest_combine(&call->args);
    free(call->args.workspace);
    return result;
}

static void test_values(void* stream) {
    Call call;
    set_up(&call, stream);
    CHECK_STATUS(run(&call), STEEPEST_OK);
    call.args.found = call.found;
    CHECK_STATUS(run(&call), STEEPEST_OK);
    for (int n = 0; n < kCount; ++n) {
        double product = 0, largest = 0;
        for (int r = 0; r < kRows; ++r)
            for (int c = 0; c < kCols; ++c) {
                const double x = call.x[n * kSize + r * kCols + c];
                const double y = call.y[n * kSize + c * kRows + r];
                const double wanted = 1.5 * x + 4.0 * n * y + (r == c ? 0.25 : 0);
                CHECK_CLOSE(call.out[n * kSize + r * kCols + c], wanted, 6e-7);
                product += x * y;
                largest = fmax(largest, fabs(x));
            }
        CHECK_CLOSE(call.found[n].product, product, kSize * 1e-15);
        CHECK(call.found[n].largest == largest);
        CHECK(call.found[n].unequal == kSize);
        CHECK(call.found[n].nonfinite == 0);
    }
}

static void test_refused(void) {
    Call call;
    set_up(&call, NULL);
    CHECK_STATUS(steepest_combine(NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_combine_workspace(&call.args, NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_combine(&call.args), STEEPEST_WORKSPACE_TOO_SMALL);
    CHECK_STATUS(steepest_compare(&call.args), STEEPEST_INVALID_ARGUMENT);
    call.args.y.dtype = 4;
    CHECK_STATUS(run(&call), STEEPEST_INVALID_DTYPE);
    set_up(&call, NULL);
    call.items[1].x_power = 2001;
    CHECK_STATUS(run(&call), STEEPEST_INVALID_HYPER);
    set_up(&call, NULL);
    call.items[1].out = NULL;
    CHECK_STATUS(run(&call), STEEPEST_INVALID_ARGUMENT);
    for (int i = 0; i < kCount * kSize; ++i) CHECK(call.out[i] == 0);
}

void test_pairs(void) {
    test_values(NULL);
    test_values(STEEPEST_STREAM_EMULATED);
    test_refused();
}
