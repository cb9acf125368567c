// Memory whose bounds are watched: by the address sanitizer where there is one, else by pages that
// nobody may touch, so that kernels that were compiled as for users are watched, too.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

#if !defined(__SANITIZE_ADDRESS__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace fuzz {

class Room {
  public:
    // `size` bytes, `phase` bytes past a multiple of 64. Where pages watch, they begin with a page
    // instead if `at_start`, or end with one but for what a multiple of `alignment` leaves over;
    // then `misplaced` bytes are between that and the array.
    Room(size_t size, size_t phase, size_t alignment, size_t misplaced, bool at_start) {
#if defined(__SANITIZE_ADDRESS__)
        (void)alignment, (void)at_start;
        length_ = size + phase + misplaced;
        if (posix_memalign(&base_, 64, length_ ? length_ : 1) != 0) throw std::bad_alloc();
        data = static_cast<char*>(base_) + phase + misplaced;
#else
        (void)phase;
        const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        const size_t need = (size + misplaced + alignment - 1) / alignment * alignment;
        const size_t pages = (need + page - 1) / page * page;
        length_ = pages + 2 * page;
        base_ = mmap(nullptr, length_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base_ == MAP_FAILED) throw std::bad_alloc();
        char* first = static_cast<char*>(base_) + page;
        if (pages && mprotect(first, pages, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
        data = (at_start ? first : first + pages - need) + misplaced;
#endif
    }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    Room(Room&& other) noexcept : data(other.data), base_(other.base_), length_(other.length_) {
        other.base_ = nullptr;
    }
    Room& operator=(Room&&) = delete;
    ~Room() {
#if defined(__SANITIZE_ADDRESS__)
        std::free(base_);
#else
        if (base_) munmap(base_, length_);
#endif
    }

    char* data;

  private:
    void* base_;
    size_t length_;
};

}  // namespace fuzz
