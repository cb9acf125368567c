#include "steps/device/launches.h"

#include <algorithm>
#include <vector>

namespace steepest::device {
namespace {

thread_local bool recording = false;
thread_local std::vector<const char*> launches;

}  // namespace

int64_t recorded_launches(const char** names, int64_t capacity) {
    recording = true;
    const auto count = static_cast<int64_t>(launches.size());
    if (count > capacity) return count;
    std::copy(launches.begin(), launches.end(), names);
    launches.clear();
    return count;
}

void record_launch(const char* kernel) {
    if (recording) launches.push_back(kernel);
}

}  // namespace steepest::device
