// The list of cases that the Python benchmark has too: a line of text for each, see
// python/steepest/bench/case_list.py.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace steepest::bench {

struct Shape {
    int64_t rows = 1, cols = 1;
    int dimensions = 2;

    int64_t elements() const { return rows * cols; }
};

// Ends the program with a message.
[[noreturn]] void fail(const std::string& message);

// One line. What is asked for and not there ends the program, as does what is no number.
class Case {
  public:
    std::string family, name;

    explicit Case(const std::string& line);
    bool has(const std::string& key) const { return fields_.count(key) != 0; }
    const std::string& text(const std::string& key) const;
    int64_t number(const std::string& key) const;
    std::vector<std::string> words(const std::string& key) const;
    // "None" is NaN.
    std::vector<double> numbers(const std::string& key) const;
    Shape shape(const std::string& key) const;
    std::vector<Shape> shapes(const std::string& key) const;
    // steepest_dtype by its name in Python.
    int32_t dtype(const std::string& key) const;
    // Of the benchmark.
    std::string label() const { return family + "/" + name; }

  private:
    std::map<std::string, std::string> fields_;
};

std::vector<Case> read_cases(const std::string& path);

}  // namespace steepest::bench
