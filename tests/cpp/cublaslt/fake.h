// What the stand-in library is told to do, and what it tells of itself.
#pragma once

struct Fake {
    // Products made, algorithms chosen, layouts and the like that were not destroyed, and wrong
    // uses: other preferences than those that make bits repeat, an algorithm that was not chosen
    // for the shape, memory off the grid.
    int products, choices, alive, misuses;
    // From now on: algorithms split the inner dimension; there is none; batches are refused; all
    // products are; they fail.
    bool splits, has_none, refuses_batches, refuses, fails;
};

extern "C" Fake* fake_cublaslt(void);
