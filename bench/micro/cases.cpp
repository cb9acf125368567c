#include "micro/cases.h"

#include <steepest/steepest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace steepest::bench {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
    return parts;
}

double to_double(const std::string& text) {
    if (text == "None") return std::nan("");
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end) fail("'" + text + "' given, expected a number");
    return value;
}

int64_t to_integer(const std::string& text) {
    char* end = nullptr;
    const long long value = std::strtoll(text.c_str(), &end, 10);
    if (text.empty() || *end) fail("'" + text + "' given, expected an integer");
    return value;
}

Shape to_shape(const std::string& text) {
    const auto sides = split(text, 'x');
    if (sides.size() == 1) return {to_integer(sides[0]), 1, 1};
    if (sides.size() != 2) fail("'" + text + "' given, expected one side or two");
    return {to_integer(sides[0]), to_integer(sides[1]), 2};
}

}  // namespace

void fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(2);
}

Case::Case(const std::string& line) {
    const auto parts = split(line, '|');
    if (parts.size() != 3) fail("'" + line + "' given, expected family|name|fields");
    family = parts[0];
    name = parts[1];
    for (const std::string& pair : split(parts[2], ' ')) {
        const size_t at = pair.find('=');
        if (at == std::string::npos) fail("'" + pair + "' given, expected key=value");
        fields_[pair.substr(0, at)] = pair.substr(at + 1);
    }
}

const std::string& Case::text(const std::string& key) const {
    const auto found = fields_.find(key);
    if (found == fields_.end()) fail(label() + ": no " + key);
    return found->second;
}

int64_t Case::number(const std::string& key) const { return to_integer(text(key)); }

std::vector<std::string> Case::words(const std::string& key) const { return split(text(key), ','); }

std::vector<double> Case::numbers(const std::string& key) const {
    std::vector<double> values;
    for (const std::string& word : words(key)) values.push_back(to_double(word));
    return values;
}

Shape Case::shape(const std::string& key) const { return to_shape(text(key)); }

std::vector<Shape> Case::shapes(const std::string& key) const {
    std::vector<Shape> found;
    for (const std::string& word : words(key)) found.push_back(to_shape(word));
    return found;
}

int32_t Case::dtype(const std::string& key) const {
    const std::string& name_of = text(key);
    if (name_of == "float32") return STEEPEST_F32;
    if (name_of == "float64") return STEEPEST_F64;
    if (name_of == "bfloat16") return STEEPEST_BF16;
    fail(label() + ": " + key + " " + name_of + " given, expected a type");
}

std::vector<Case> read_cases(const std::string& path) {
    std::ifstream file(path);
    if (!file) fail(path + ": cannot be read");
    std::vector<Case> cases;
    for (std::string line; std::getline(file, line);) cases.emplace_back(line);
    return cases;
}

}  // namespace steepest::bench
