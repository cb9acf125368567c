// What device code reads of a Gram iteration on matrices of one shape.
#pragma once

#include "polar/products.h"

namespace steepest::device {

// A matrix that is still worked on.
struct GramMember {
    int64_t index;  // of its Gram matrix, among all that were formed together
    int64_t from;   // of the iterate that is scaled
    double factor;  // by this power of two
};

// Squares of the lengths of v and G v.
struct GramLengths {
    double vector, image;
};

// The arguments of every kernel. Vectors are one after the other, in the order of the members.
struct GramPass {
    const GramMember* members;
    polar::Batch gram, from, to;  // iterates, of one type and leading dimension
    double* vectors;
    double* images;
    GramLengths* lengths;
    int64_t count;  // of members
};

}  // namespace steepest::device
