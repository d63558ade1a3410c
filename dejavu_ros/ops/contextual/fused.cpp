// Contextual similarity of many pairs of maps on the CPU and its gradients, called through ctypes (fused.py).
// fused_kernel.h and fused_gradients.h have the maths.
//
// The kernel is compiled for several instruction sets and the processor that runs it picks one, so that a package built
// on one machine works on another.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#define INLINE static inline __attribute__((always_inline))

namespace {

constexpr int ROWS = 4;      // rows of distances held at once
constexpr int PADDING = 64;  // floats: the largest COLUMNS x LANES
constexpr int PART = 256;    // rows of a pair that are one task of the gradients
constexpr float LOG2_E = 1.44269504f, LN_2 = 0.693147181f;
// 2^f for |f| <= 1/2: the polynomial of degree 5 with the least relative error that is exact at 0
constexpr float EXP2[] = {1.0f, 0.693146978f, 0.240222421f, 0.0555073374f, 0.00967151264f, 0.00132647272f};

struct Form {
    bool paper, squared, symmetric;
    float bandwidth, epsilon;
};

// Maps (count, n, cells) as the caller keeps them, float16 or float32.
struct Maps {
    const void* values;
    int64_t count;
    int n, cells;
    bool half;
};

// Numbers from the start of a cache line on: a register's load that crosses two of them counts double.
template <class Number>
struct Aligned {
    struct alignas(64) Line {
        Number numbers[64 / sizeof(Number)];
    };

    explicit Aligned(size_t count) : lines((count * sizeof(Number) + 63) / 64) {}
    Number* data() { return lines.data()->numbers; }
    const Number* data() const { return lines.data()->numbers; }

    std::vector<Line> lines;
};

int padded(int count) { return (count + PADDING - 1) / PADDING * PADDING; }

// One of them, (n, stride) in float32.
struct Map {
    explicit Map(const Maps& maps)
        : count(maps.cells), stride(padded(count)), values((size_t)maps.n * stride), has_nan(false) {}

    int count, stride;
    Aligned<float> values;
    bool has_nan;
};

// What one thread works in.
struct Scratch {
    Scratch(int n, int stride)
        : rows(n * ROWS), by_rows(n * ROWS), distances((size_t)stride * ROWS), best(stride), best_row(stride) {}

    Aligned<float> rows, by_rows;  // (n, ROWS) a block of vectors, the gradients by it
    Aligned<float> distances;      // (ROWS, stride) its distances
    Aligned<float> best;           // (stride) largest log2 T of every column
    Aligned<int32_t> best_row;     // (stride) and where it is
};

#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw")
namespace avx512 {
#define LANES 16
#define COLUMNS 4
#include "fused_kernel.h"
#include "fused_gradients.h"
#undef LANES
#undef COLUMNS
}  // namespace avx512
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
#define LANES 8
#define COLUMNS 2
#include "fused_kernel.h"
#include "fused_gradients.h"
#undef LANES
#undef COLUMNS
}  // namespace avx2
#pragma GCC pop_options
#endif

namespace baseline {  // SSE2, NEON or what else the compiler makes of four floats
#define LANES 4
#define COLUMNS 2
#include "fused_kernel.h"
#include "fused_gradients.h"
}  // namespace baseline

struct Kernel {
    const char* name;
    decltype(&baseline::read) read;
    decltype(&baseline::similarity) similarity;
    decltype(&baseline::gradients) gradients;
    decltype(&baseline::powers) powers;
    decltype(&baseline::multiply_adds) multiply_adds;
};

#define KERNEL(set) {#set, set::read, set::similarity, set::gradients, set::powers, set::multiply_adds}
constexpr Kernel KERNELS[] = {
#if defined(__x86_64__) && !defined(__clang__)
    KERNEL(avx512), KERNEL(avx2),
#endif
    KERNEL(baseline),
};
constexpr int COUNT = sizeof KERNELS / sizeof *KERNELS;

bool runs_here([[maybe_unused]] int kernel) {
#if defined(__x86_64__) && !defined(__clang__)
    if (kernel == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw");
    if (kernel == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return true;
}

// Runs ``work`` on so many threads, the caller's among them.
template <class Work>
void on_threads(int64_t threads, const Work& work) {
    std::vector<std::thread> helpers;
    for (int64_t t = 1; t < threads; ++t) helpers.emplace_back(work);
    work();
    for (std::thread& helper : helpers) helper.join();
}

// Adds up what tasks made on any number of threads, in the order of the tasks, so that sums are always rounded alike.
class InOrder {
public:
    template <class Add>
    void add(int64_t task, const Add& add) {
        {
            std::unique_lock<std::mutex> lock(mutex);
            ready.wait(lock, [&] { return turn == task; });
            add();
            ++turn;
        }
        ready.notify_all();
    }

private:
    std::mutex mutex;
    std::condition_variable ready;
    int64_t turn = 0;
};

}  // namespace

extern "C" {

// Name of a kernel, best first; null beyond the last one and "" for what this processor cannot run.
const char* kernel_name(int kernel) {
    return kernel >= COUNT ? nullptr : runs_here(kernel) ? KERNELS[kernel].name : "";
}

// Similarities (Q, K). Where best_query is not null, in the authors' form, the query's vector that is best for each of
// the keyframe's goes there, (Q, K, N2), and to best_keyframe that of the keyframe for each of the query's, (Q, K, N1).
void contextual_matrix(int kernel, int threads, const Maps& queries, const Maps& keyframes, const Form& form,
                       float* similarities, int32_t* best_query, int32_t* best_keyframe) {
    const Kernel& run = KERNELS[kernel];
    const int64_t pairs = queries.count * keyframes.count;
    std::atomic<int64_t> next{0};
    on_threads(std::min<int64_t>(threads, pairs), [&] {
        Map query(queries), keyframe(keyframes);
        Scratch scratch(queries.n, std::max(query.stride, keyframe.stride));
        for (int64_t task; (task = next++) < pairs;) {
            const int64_t q = task % queries.count, k = task / queries.count, pair = q * keyframes.count + k;
            run.read(queries, q, false, query);
            run.read(keyframes, k, false, keyframe);
            similarities[pair] = run.similarity(query, keyframe, queries.n, form, scratch,
                                                best_query ? best_query + pair * keyframes.cells : nullptr,
                                                best_keyframe ? best_keyframe + pair * queries.cells : nullptr);
        }
    });
}

// Of a loss's gradient by the similarities (Q, K), and best_query and best_keyframe as above, its gradients by the
// queries (Q, n, N1) and the keyframes (K, n, N2), both float32 and added to what is there.
void contextual_gradients(int kernel, int threads, const Maps& queries, const Maps& keyframes, const Form& form,
                          const float* by_similarity, const int32_t* best_query, const int32_t* best_keyframe,
                          float* by_queries, float* by_keyframes) {
    struct Task {
        int64_t pair;
        bool swapped;  // rows are the keyframe's
        int first;     // of the rows
    };
    std::vector<Task> tasks;
    for (int64_t pair = 0; pair < queries.count * keyframes.count; ++pair) {
        if (by_similarity[pair] == 0) continue;
        for (int first = 0; first < queries.cells; first += PART) tasks.push_back({pair, false, first});
        for (int first = 0; form.symmetric && first < keyframes.cells; first += PART)
            tasks.push_back({pair, true, first});
    }
    const Kernel& run = KERNELS[kernel];
    const int n = queries.n;
    std::atomic<int64_t> next{0};
    InOrder in_order;
    on_threads(std::min<int64_t>(threads, tasks.size()), [&] {
        Map query(queries), keyframe(keyframes);
        const int stride = std::max(query.stride, keyframe.stride);
        Scratch scratch(n, stride);
        Aligned<float> by_rows((size_t)n * PART), by_columns((size_t)n * stride);
        for (int64_t number; (number = next++) < (int64_t)tasks.size();) {
            const Task& task = tasks[number];
            const int64_t q = task.pair / keyframes.count, k = task.pair % keyframes.count;
            run.read(queries, q, true, query);
            run.read(keyframes, k, true, keyframe);
            const Map &rows = task.swapped ? keyframe : query, &columns = task.swapped ? query : keyframe;
            const int end = std::min(task.first + PART, rows.count);
            const int32_t* best_row = task.swapped ? best_keyframe : best_query;
            const float weight = by_similarity[task.pair] / (form.paper ? rows : columns).count;
            run.gradients(rows, task.first, end, columns, n, form, form.symmetric ? weight / 2 : weight,
                          best_row ? best_row + task.pair * columns.count : nullptr, scratch, by_rows.data(),
                          by_columns.data());
            float* to_query = by_queries + q * n * query.count;
            float* to_keyframe = by_keyframes + k * n * keyframe.count;
            float *to_rows = task.swapped ? to_keyframe : to_query, *to_columns = task.swapped ? to_query : to_keyframe;
            in_order.add(number, [&] {
                for (int c = 0; c < n; ++c) {
                    for (int i = task.first; i < end; ++i)
                        to_rows[(size_t)c * rows.count + i] += by_rows.data()[(size_t)c * PART + i - task.first];
                    for (int j = 0; j < columns.count; ++j)
                        to_columns[(size_t)c * columns.count + j] += by_columns.data()[(size_t)c * columns.stride + j];
                }
            });
        }
    });
}

float powers(int kernel, int64_t count) { return KERNELS[kernel].powers(count); }
float multiply_adds(int kernel, int64_t count) { return KERNELS[kernel].multiply_adds(count); }

}
