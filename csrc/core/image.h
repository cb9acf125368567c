// The layout of what a call copies to a device, and of the memory behind it that kernels write.
#pragma once

#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/arena.h"

namespace steepest {

class Image {
  public:
    // The offset of a piece that is copied. All of these come before the first `room`.
    template <class T>
    size_t put(std::vector<T> values) {
        const size_t bytes = values.size() * sizeof(T), at = advance(bytes);
        pieces_.push_back({at, std::vector<char>(bytes)});
        if (bytes) std::memcpy(pieces_.back().bytes.data(), values.data(), bytes);
        copied_ = used_;
        return at;
    }
    // Of a piece that kernels write.
    template <class T>
    size_t room(int64_t n) {
        return advance(static_cast<size_t>(n) * sizeof(T));
    }
    // The numbers of work items before each of some things, and in all.
    size_t put_items(const std::vector<int64_t>& counts, int64_t& total) {
        std::vector<int32_t> first;
        total = 0;
        for (const int64_t n : counts) {
            first.push_back(to_int32(total));
            total += n;
        }
        first.push_back(to_int32(total));
        return put(std::move(first));
    }
    // Other bytes for a piece, once pointers into the image are known.
    void replace(size_t at, const void* from, size_t size) {
        for (Piece& piece : pieces_)
            if (piece.at == at && size) std::memcpy(piece.bytes.data(), from, size);
    }

    size_t copied() const { return copied_; }
    size_t size() const { return used_; }
    std::unique_ptr<char[]> filled() const {
        std::unique_ptr<char[]> host(new char[copied_ + 1]());
        for (const Piece& piece : pieces_)
            if (!piece.bytes.empty())
                std::memcpy(host.get() + piece.at, piece.bytes.data(), piece.bytes.size());
        return host;
    }

    // Raises std::length_error where a device cannot count so far.
    static int32_t to_int32(int64_t n) {
        if (n > std::numeric_limits<int32_t>::max()) throw std::length_error("too many work items");
        return static_cast<int32_t>(n);
    }

  private:
    struct Piece {
        size_t at;
        std::vector<char> bytes;
    };

    size_t advance(size_t bytes) {
        const size_t at = used_;
        used_ += (bytes + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
        return at;
    }

    std::vector<Piece> pieces_;
    size_t used_ = 0, copied_ = 0;
};

}  // namespace steepest
