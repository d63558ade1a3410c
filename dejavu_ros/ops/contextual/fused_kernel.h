// One direction of the contextual similarity of two maps, for one width of vector register.
//
// Included by fused.cpp once per instruction set, with LANES (floats in a register) and COLUMNS (registers of columns
// held at once) defined. The vector types are those of GCC and Clang, so the same lines serve x86-64 and aarch64.
//
// Written with the softmax shifted by its largest exponent, which the offset 1 cancels out of:
//
//     m_i = min_j d_ij,   c_i = log2(e) / (h (m_i + 1e-5)),   T_ij = 2^(c_i (m_i - d_ij)) / sum_j 2^(c_i (m_i - d_ij))
//
// so the best T of a row is 1 / sum, and the best T of a column needs only the largest log2 T. ROWS rows are held at
// once, ROWS x N2 distances; never N1 x N2. fused_gradients.h goes the other way.

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t Integers __attribute__((vector_size(4 * LANES)));

INLINE Vector load(const float* from) {
    Vector v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

INLINE Integers load(const int32_t* from) {
    Integers v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store(float* to, Vector v) { __builtin_memcpy(to, &v, sizeof v); }

INLINE void store(int32_t* to, Integers v) { __builtin_memcpy(to, &v, sizeof v); }

INLINE Vector all(float x) { return x - Vector{}; }

INLINE Integers lanes() {
    Integers v;
    for (int l = 0; l < LANES; ++l) v[l] = l;
    return v;
}

INLINE Vector smaller(Vector a, Vector b) { return a < b ? a : b; }

INLINE Vector larger(Vector a, Vector b) { return a > b ? a : b; }

INLINE float smallest(Vector v) {
    float x = v[0];
    for (int l = 1; l < LANES; ++l) x = v[l] < x ? v[l] : x;
    return x;
}

INLINE float sum(Vector v) {
#ifdef __clang__  // has no such shuffle, and four lanes only
    for (int l = 1; l < LANES; ++l) v[0] += v[l];
#else
    for (int half = LANES / 2; half > 0; half /= 2) v += __builtin_shuffle(v, lanes() + half);
#endif
    return v[0];
}

// 2^x for x <= 0, to 3e-7 relative; what is below 2^-126 becomes 2^-126. x = i + f with i whole and |f| <= 1/2: a
// polynomial fitted to 2^f, whose exponent bits i is then added to.
INLINE Vector exp2(Vector x) {
    x = larger(x, all(-126.0f));
    const Vector shifted = x + 12582912.0f;  // 1.5 x 2^23: the lowest bits of the mantissa are now i
    const Vector f = x - (shifted - 12582912.0f);
    Vector p = all(EXP2[5]);
    for (int k = 4; k >= 0; --k) p = p * f + EXP2[k];
    return (Vector)((Integers)p + ((Integers)shifted << 23));
}

// Distances of ROWS vectors a (n, ROWS) to all of the columns, and the smallest of each row.
INLINE void distances(const float* a, const Map& columns, int n, bool squared, float* d, float* nearest) {
    const float* values = columns.values.data();
    const int stride = columns.stride;
    Vector best[ROWS];
    for (int r = 0; r < ROWS; ++r) best[r] = all(INFINITY);
    for (int j = 0; j < stride; j += COLUMNS * LANES) {
        Vector total[ROWS][COLUMNS] = {};
        for (int k = 0; k < n; ++k) {
            Vector b[COLUMNS];
            for (int c = 0; c < COLUMNS; ++c) b[c] = load(values + (size_t)k * stride + j + c * LANES);
            for (int r = 0; r < ROWS; ++r) {
                const Vector scalar = all(a[k * ROWS + r]);
                for (int c = 0; c < COLUMNS; ++c) {
                    const Vector difference = scalar - b[c];
                    total[r][c] += difference * difference;
                }
            }
        }
        for (int r = 0; r < ROWS; ++r) {
            for (int c = 0; c < COLUMNS; ++c) {
                best[r] = smaller(total[r][c], best[r]);
                store(d + (size_t)r * stride + j + c * LANES, total[r][c]);
            }
        }
    }
    for (int r = 0; r < ROWS; ++r) nearest[r] = smallest(best[r]);
    if (!squared) {
        for (size_t j = 0; j < (size_t)ROWS * stride; ++j) d[j] = __builtin_sqrtf(d[j]);
        for (int r = 0; r < ROWS; ++r) nearest[r] = __builtin_sqrtf(nearest[r]);
    }
}

// ROWS vectors of a map from ``first`` on, (n, ROWS); the last one stands in for those beyond the end.
INLINE void take(const Map& map, int first, int n, float* a) {
    for (int k = 0; k < n; ++k)
        for (int r = 0; r < ROWS; ++r)
            a[k * ROWS + r] =
                map.values.data()[(size_t)k * map.stride + (first + r < map.count ? first + r : map.count - 1)];
}

// sum_j 2^(shift - scale d_j) over a row
INLINE float sum_of_powers(const float* d, int stride, float shift, float scale) {
    Vector total[4] = {};
    for (int j = 0; j < stride; j += 4 * LANES)
        for (int c = 0; c < 4; ++c) total[c] += exp2(shift - load(d + j + c * LANES) * scale);
    return sum((total[0] + total[1]) + (total[2] + total[3]));
}

// A float16 by its bits: shifted into place it is 2^112 too small, unless it is infinite or NaN.
INLINE float from_half(uint16_t half) {
    const uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
    float x;
    __builtin_memcpy(&x, &magnitude, sizeof x);
    x = magnitude < 0x7c00u << 13 ? x * 0x1p112f : magnitude == 0x7c00u << 13 ? INFINITY : NAN;
    return half & 0x8000 ? -x : x;
}

// A map as it is stored, float16 or float32. From its count on come infinities, or, for differences that stay finite,
// the last vector over and over.
static void read(const Maps& maps, int64_t index, bool repeat, Map& map) {
    int nan = 0;
    for (int k = 0; k < maps.n; ++k) {
        const size_t from = ((size_t)index * maps.n + k) * maps.cells;
        float* to = map.values.data() + (size_t)k * map.stride;
        if (maps.half) {
            for (int j = 0; j < map.count; ++j) to[j] = from_half(((const uint16_t*)maps.values)[from + j]);
        } else {
            __builtin_memcpy(to, (const float*)maps.values + from, map.count * sizeof(float));
        }
        for (int j = 0; j < map.count; ++j) nan |= to[j] != to[j];
        for (int j = map.count; j < map.stride; ++j) to[j] = repeat ? to[map.count - 1] : INFINITY;
    }
    map.has_nan = nan;
}

// CX of one direction; where best_row is given, the row that is the best of every column goes there (authors' form).
static float directed(const Map& rows, const Map& columns, int n, const Form& form, Scratch& scratch,
                      int32_t* best_row) {
    const int stride = columns.stride;
    float *a = scratch.rows.data(), *d = scratch.distances.data(), *best = scratch.best.data();
    int32_t* rows_of_best = scratch.best_row.data();
    for (int j = 0; j < stride; ++j) best[j] = -INFINITY, rows_of_best[j] = 0;
    double best_of_rows = 0, best_of_columns = 0;
    for (int first = 0; first < rows.count; first += ROWS) {
        take(rows, first, n, a);
        float nearest[ROWS], scale[ROWS], log_t_at_zero[ROWS];
        distances(a, columns, n, form.squared, d, nearest);
        for (int r = 0; r < ROWS; ++r) {
            if (!(nearest[r] < INFINITY)) return NAN;
            scale[r] = LOG2_E / (form.bandwidth * (nearest[r] + form.epsilon));
            const float powers = sum_of_powers(d + (size_t)r * stride, stride, nearest[r] * scale[r], scale[r]);
            if (first + r < rows.count) best_of_rows += 1 / powers;
            log_t_at_zero[r] = nearest[r] * scale[r] - __builtin_log2f(powers);
        }
        if (form.paper) continue;
        for (int j = 0; j < stride; j += LANES) {
            Vector column = load(best + j);
            Integers row = load(rows_of_best + j);
            for (int r = 0; r < ROWS; ++r) {
                const Vector log_t = log_t_at_zero[r] - load(d + (size_t)r * stride + j) * scale[r];
                if (best_row) row = log_t > column ? first + r - Integers{} : row;
                column = larger(log_t, column);
            }
            store(best + j, column);
            if (best_row) store(rows_of_best + j, row);
        }
    }
    if (form.paper) return best_of_rows / rows.count;
    if (best_row) __builtin_memcpy(best_row, rows_of_best, columns.count * sizeof *best_row);
    for (int j = 0; j < stride; j += LANES) store(best + j, exp2(load(best + j)));
    for (int j = 0; j < columns.count; ++j) best_of_columns += best[j];
    return best_of_columns / columns.count;
}

static float similarity(const Map& query, const Map& keyframe, int n, const Form& form, Scratch& scratch,
                        int32_t* best_query, int32_t* best_keyframe) {
    if (query.has_nan || keyframe.has_nan) return NAN;
    const float forward = directed(query, keyframe, n, form, scratch, best_query);
    return form.symmetric ? (forward + directed(keyframe, query, n, form, scratch, best_keyframe)) / 2 : forward;
}

// The machine's own limits, for the benchmark: at least ``count`` powers of 2 as above, from the nearest cache.
static float powers(int64_t count) {
    float x[16 * LANES];
    for (int l = 0; l < 16 * LANES; ++l) x[l] = -0.01f * l;
    float total = 0;
    for (int64_t done = 0; done < count; done += 16 * LANES) {
        total += sum_of_powers(x, 16 * LANES, 0, 1 + total * 1e-30f);
    }
    return total;
}

// And multiply-adds that wait for nothing but each other, in twelve chains.
static float multiply_adds(int64_t count) {
    Vector total[12];
    for (int c = 0; c < 12; ++c) total[c] = all(c);
    for (int64_t done = 0; done < count; done += 12 * LANES)
        for (int c = 0; c < 12; ++c) total[c] = total[c] * 0.999f + 0.001f;
    for (int c = 1; c < 12; ++c) total[0] += total[c];
    return sum(total[0]);
}
