// What libFuzzer does where the compiler has none: runs the inputs of a corpus, and then mutants of
// them until time is over.
//
//   program [--seconds N] [--seed N] [--threads N] [--crash FILE] CORPUS_FILE_OR_DIRECTORY...
//
// The input that is running is in the crash file, which is there at the end only if the program did
// not come to it; each thread has its own, with its number behind the name. To see a crash again,
// give that file and --seconds 0. Threads are for the thread sanitizer: concurrent calls on arrays
// of their own.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;
constexpr size_t kLongest = 4096;
constexpr unsigned kSecondsOfOneInput = 20;

struct Options {
    double seconds = 20;
    uint64_t seed = 1;
    int threads = 1;
    std::string crash = "crash.bin";
    std::vector<std::string> corpus;
};

Options parse(int argc, char** argv) {
    Options o;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        const bool has_value = i + 1 < argc;
        if (name == "--seconds" && has_value)
            o.seconds = std::atof(argv[++i]);
        else if (name == "--seed" && has_value)
            o.seed = std::strtoull(argv[++i], nullptr, 10);
        else if (name == "--threads" && has_value)
            o.threads = std::atoi(argv[++i]);
        else if (name == "--crash" && has_value)
            o.crash = argv[++i];
        else
            o.corpus.push_back(name);
    }
    return o;
}

Input read(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<Input> read_corpus(const std::vector<std::string>& names) {
    std::vector<std::filesystem::path> files;
    for (const std::string& name : names) {
        if (!std::filesystem::is_directory(name)) {
            files.emplace_back(name);
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(name))
            files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());  // the order of a directory is any
    std::vector<Input> inputs;
    for (const auto& file : files) inputs.push_back(read(file));
    return inputs;
}

// Runs inputs from memory of just their size, each in the crash file while it does.
class Runner {
  public:
    explicit Runner(const std::string& crash)
        : name_(crash), file_(open(crash.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644)) {
        if (file_ < 0) std::perror(crash.c_str()), std::exit(2);
    }
    ~Runner() {
        close(file_);
        unlink(name_.c_str());
    }
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    void operator()(const Input& input) {
        const bool kept =
            ftruncate(file_, static_cast<off_t>(input.size())) == 0 &&
            pwrite(file_, input.data(), input.size(), 0) == static_cast<ssize_t>(input.size());
        if (!kept) std::perror(name_.c_str()), std::exit(2);
        alarm(kSecondsOfOneInput);  // where nothing moves on any more the program ends
        const Input exact(input.begin(), input.end());
        LLVMFuzzerTestOneInput(exact.data(), exact.size());
        ++runs;
    }

    long runs = 0;

  private:
    std::string name_;
    int file_;
};

class Mutator {
  public:
    Mutator(const std::vector<Input>& corpus, uint64_t seed) : corpus_(corpus), random_(seed) {}

    Input next() {
        Input x = below(8) ? pick() : Input();
        for (size_t n = 1 + below(12); n > 0; --n) change(x);
        if (x.size() > kLongest) x.resize(kLongest);
        return x;
    }

  private:
    size_t below(size_t n) { return n ? static_cast<size_t>(random_() % n) : 0; }
    uint8_t byte() { return static_cast<uint8_t>(random_()); }
    Input pick() { return corpus_.empty() ? Input() : corpus_[below(corpus_.size())]; }
    auto place(Input& x) { return x.begin() + static_cast<std::ptrdiff_t>(below(x.size())); }

    void change(Input& x) {
        switch (x.empty() ? 4 : below(7)) {
            case 0:
                *place(x) ^= static_cast<uint8_t>(1u << below(8));
                break;
            case 1:
                *place(x) = byte();
                break;
            case 2:
                *place(x) = 255;  // the extraordinary choice, as a rule
                break;
            case 3:
                x.erase(place(x), x.end());
                break;
            case 4:
                for (size_t n = 1 + below(300); n > 0; --n) x.push_back(byte());
                break;
            case 5:
                x.insert(place(x), byte());
                break;
            default:
                splice(x);
        }
    }

    void splice(Input& x) {
        const Input other = pick();
        x.resize(below(x.size()));
        if (!other.empty()) {
            const auto from = static_cast<std::ptrdiff_t>(below(other.size()));
            x.insert(x.end(), other.begin() + from, other.end());
        }
    }

    const std::vector<Input>& corpus_;
    std::mt19937_64 random_;
};

// The corpus, then mutants of it; returns how many.
long run_all(const Options& options, const std::vector<Input>& corpus, int thread) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    Runner run(options.threads == 1 ? options.crash : options.crash + std::to_string(thread));
    for (const Input& input : corpus) run(input);
    Mutator mutator(corpus, options.seed + static_cast<uint64_t>(thread));
    while (std::chrono::duration<double>(Clock::now() - start).count() < options.seconds)
        run(mutator.next());
    return run.runs;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const std::vector<Input> corpus = read_corpus(options.corpus);
    std::atomic<long> runs{0};
    std::vector<std::thread> threads;
    for (int t = 1; t < options.threads; ++t)
        threads.emplace_back([&, t] { runs += run_all(options, corpus, t); });
    runs += run_all(options, corpus, 0);
    for (std::thread& thread : threads) thread.join();
    std::printf("%s: %ld inputs, none crashed\n", argv[0], runs.load());
    return 0;
}
