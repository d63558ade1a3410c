// Contextual similarity of many pairs of maps on the CPU, called through ctypes (fused.py). fused_kernel.h has the
// maths.
//
// The kernel is compiled for several instruction sets and the processor that runs it picks one, so that a package built
// on one machine works on another.

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#define INLINE static inline __attribute__((always_inline))

namespace {

constexpr int ROWS = 4;      // rows of distances held at once
constexpr int PADDING = 64;  // floats: the largest COLUMNS x LANES
constexpr float LOG2_E = 1.44269504f;
// 2^f for |f| <= 1/2: the polynomial of degree 5 with the least relative error that is exact at 0
constexpr float EXP2[] = {1.0f, 0.693146978f, 0.240222421f, 0.0555073374f, 0.00967151264f, 0.00132647272f};

struct Form {
    bool paper, squared, symmetric;
    float bandwidth, epsilon;
};

// Vectors (n, stride) in float32; infinities fill the columns from count on.
struct Map {
    float* values;
    int count, stride;
    bool has_nan;
};

// What one thread works in.
struct Scratch {
    float* rows;       // (n, ROWS) a block of vectors
    float* distances;  // (ROWS, stride) its distances
    float* best;       // (stride) largest log2 T of every column
};

#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw")
namespace avx512 {
#define LANES 16
#define COLUMNS 4
#include "fused_kernel.h"
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
#undef LANES
#undef COLUMNS
}  // namespace avx2
#pragma GCC pop_options
#endif

namespace baseline {  // SSE2, NEON or what else the compiler makes of four floats
#define LANES 4
#define COLUMNS 2
#include "fused_kernel.h"
}  // namespace baseline

struct Kernel {
    const char* name;
    decltype(&baseline::similarity) similarity;
    decltype(&baseline::powers) powers;
    decltype(&baseline::multiply_adds) multiply_adds;
};

constexpr Kernel KERNELS[] = {
#if defined(__x86_64__) && !defined(__clang__)
    {"avx512", avx512::similarity, avx512::powers, avx512::multiply_adds},
    {"avx2", avx2::similarity, avx2::powers, avx2::multiply_adds},
#endif
    {"baseline", baseline::similarity, baseline::powers, baseline::multiply_adds},
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

int padded(int count) { return (count + PADDING - 1) / PADDING * PADDING; }

}  // namespace

extern "C" {

// Name of a kernel, best first; null beyond the last one and "" for what this processor cannot run.
const char* kernel_name(int kernel) {
    return kernel >= COUNT ? nullptr : runs_here(kernel) ? KERNELS[kernel].name : "";
}

// queries (Q, n, N1) and keyframes (K, n, N2), float32 or float16, to similarities (Q, K).
void contextual_matrix(int kernel, const void* queries, bool half_queries, const void* keyframes, bool half_keyframes,
                       int64_t q_count, int64_t k_count, int n, int n1, int n2, bool paper, bool squared,
                       bool symmetric, float bandwidth, float epsilon, int threads, float* similarities) {
    const Form form{paper, squared, symmetric, bandwidth, epsilon};
    std::atomic<int64_t> next{0};
    const auto work = [&] {
        const int stride = padded(n1 > n2 ? n1 : n2);
        std::vector<float> a((size_t)n * padded(n1)), b((size_t)n * padded(n2));
        std::vector<float> rows((size_t)n * ROWS), distances((size_t)ROWS * stride), best(stride);
        const Scratch scratch{rows.data(), distances.data(), best.data()};
        Map query{a.data(), n1, padded(n1), false}, keyframe{b.data(), n2, padded(n2), false};
        for (int64_t pair; (pair = next++) < q_count * k_count;) {
            const int64_t q = pair % q_count, k = pair / q_count;
            similarities[q * k_count + k] = KERNELS[kernel].similarity(
                (const char*)queries + q * n * n1 * (half_queries ? 2 : 4), half_queries, query,
                (const char*)keyframes + k * n * n2 * (half_keyframes ? 2 : 4), half_keyframes, keyframe, n, form,
                scratch);
        }
    };
    std::vector<std::thread> helpers;
    for (int64_t t = 1; t < threads && t < q_count * k_count; ++t) helpers.emplace_back(work);
    work();
    for (std::thread& helper : helpers) helper.join();
}

float powers(int kernel, int64_t count) { return KERNELS[kernel].powers(count); }
float multiply_adds(int kernel, int64_t count) { return KERNELS[kernel].multiply_adds(count); }

}
