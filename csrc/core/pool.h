// The threads behind core/parallel.
//
// Parts of a region have a home thread each, so that a thread finds the pages and caches it touched
// last time; a thread that is done takes parts that others have not begun, the caller included. A
// worker that the system does not run in time is therefore never waited for. Idle workers spin for
// a fraction of a millisecond and then sleep: unlike those of an OpenMP runtime they leave the
// processors to whoever computes between two steps, a BLAS for example.
#pragma once

namespace steepest {

using Task = void (*)(void* context, int part, int parts);

// Runs every part of [0, parts) on at most `threads` threads, the caller being one, and returns
// when all are done. A second region at the same time runs on its caller alone. If parts throw, one
// of their exceptions is thrown on to the caller when no part runs any more; some parts may then
// not have run.
void run_on_pool(int threads, int parts, Task task, void* context);

// Whether the calling thread is at work on a part of a region.
bool is_in_region();

}  // namespace steepest
