// Gradients of one direction of the contextual similarity, for one width of vector register.
//
// Included by fused.cpp after fused_kernel.h. The distances of ROWS rows are made again; with x_ij = c_i (m_i - d_ij),
// w_i the weight of a best T of row i, and the sums over j,
//
//     T = 2^x / sum 2^x,   chosen_j = w T_ij where T_ij is the best of its row (paper) or column (authors), else 0
//     by d_ij:  -(chosen_j - T_ij sum chosen) / (h (m + 1e-5))
//     by m_i:   ln 2 (sum chosen sum T x - sum chosen x) / (m + 1e-5), which goes to the first d_ij that is m_i
//
// and by the vectors with d = |a - b|^2 or |a - b|. No gradient at |a - b| = 0. Of best rows that are equally good the
// first counts.

// Distances of one row to the columns, d, become the factors of (a - b) in the gradient by a; p is as long.
INLINE void to_factors(float* d, float* p, const Map& columns, float nearest, float weight, const Form& form, int row,
                       const int32_t* best_row) {
    const float relative = 1 / (nearest + form.epsilon), scale = LOG2_E / form.bandwidth * relative;
    for (int j = columns.count; j < columns.stride; ++j) d[j] = INFINITY;
    Vector sums[4] = {};  // 2^x, 2^x x, and of the chosen ones
    Integers first = INT32_MAX - Integers{};
    for (int j = 0; j < columns.stride; j += LANES) {
        const Vector distance = load(d + j), x = larger((nearest - distance) * scale, all(-126.0f)), power = exp2(x);
        store(p + j, power);
        sums[0] += power;
        sums[1] += power * x;
        if (!form.paper) {
            const Vector chosen = load(best_row + j) == row ? power : all(0);
            sums[2] += chosen;
            sums[3] += chosen * x;
        }
        const Integers at = distance == nearest ? lanes() + j : INT32_MAX - Integers{};
        first = at < first ? at : first;
    }
    int column = first[0];
    for (int l = 1; l < LANES; ++l) column = first[l] < column ? first[l] : column;

    const float inverse = 1 / sum(sums[0]), slope = relative / form.bandwidth;
    const float chosen = form.paper ? 1 : sum(sums[2]), chosen_x = form.paper ? 0 : sum(sums[3]);
    weight *= form.squared ? 2 * inverse : inverse;  // d by a is 2 (a - b), or (a - b) / d
    const float by_power = weight * chosen * inverse * slope, by_chosen = form.paper ? 0 : -weight * slope;
    float by_nearest = weight * LN_2 * relative * (chosen * inverse * sum(sums[1]) - chosen_x);
    if (form.paper) by_nearest -= weight * slope;
    for (int j = 0; j < columns.stride; j += LANES) {
        Vector factor = all(by_power);
        if (!form.paper) factor += load(best_row + j) == row ? all(by_chosen) : all(0);
        factor *= load(p + j);
        if (!form.squared) {
            const Vector distance = load(d + j);
            factor = distance == 0 ? all(0) : factor / distance;
        }
        store(d + j, factor);
    }
    if (column < columns.count && (form.squared || nearest > 0))
        d[column] += form.squared ? by_nearest : by_nearest / nearest;
    for (int j = columns.count; j < columns.stride; ++j) d[j] = 0;
}

// Of factors (ROWS, stride) of (a - b): their sums over the columns, (n, ROWS), and over the rows, which are taken from
// by_columns (n, stride).
INLINE void spread(const float* factors, const float* a, const Map& columns, int n, float* by_rows, float* by_columns) {
    for (int k = 0; k < n; ++k) {
        const float* b = columns.values.data() + (size_t)k * columns.stride;
        float* by_b = by_columns + (size_t)k * columns.stride;
        Vector total[ROWS] = {};
        for (int j = 0; j < columns.stride; j += LANES) {
            const Vector other = load(b + j);
            Vector column = load(by_b + j);
            for (int r = 0; r < ROWS; ++r) {
                const Vector factor = load(factors + (size_t)r * columns.stride + j), away = a[k * ROWS + r] - other;
                total[r] += factor * away;
                column -= factor * away;
            }
            store(by_b + j, column);
        }
        for (int r = 0; r < ROWS; ++r) by_rows[k * ROWS + r] = sum(total[r]);
    }
}

// Of the rows [first, end) with all columns; ``weight`` is the loss's gradient by a best T. Gradients by those rows go
// to by_rows (n, PART), by the columns to by_columns (n, stride).
static void gradients(const Map& rows, int first, int end, const Map& columns, int n, const Form& form, float weight,
                      const int32_t* best_row, Scratch& scratch, float* by_rows, float* by_columns) {
    const int stride = columns.stride;
    float *a = scratch.rows.data(), *d = scratch.distances.data(), nearest[ROWS];
    if (rows.has_nan || columns.has_nan) weight = NAN;
    if (best_row) {
        __builtin_memcpy(scratch.best_row.data(), best_row, columns.count * sizeof *best_row);
        for (int j = columns.count; j < stride; ++j) scratch.best_row.data()[j] = -1;
    }
    for (size_t j = 0; j < (size_t)n * stride; ++j) by_columns[j] = 0;
    for (int row = first; row < end; row += ROWS) {
        take(rows, row, n, a);
        distances(a, columns, n, form.squared, d, nearest);
        for (int r = 0; r < ROWS; ++r)
            to_factors(d + (size_t)r * stride, scratch.best.data(), columns, nearest[r],
                       row + r >= end ? 0 : nearest[r] < INFINITY ? weight : NAN, form, row + r,
                       scratch.best_row.data());
        spread(d, a, columns, n, scratch.by_rows.data(), by_columns);
        for (int k = 0; k < n; ++k)
            for (int r = 0; r < ROWS && row + r < end; ++r)
                by_rows[(size_t)k * PART + row + r - first] = scratch.by_rows.data()[k * ROWS + r];
    }
}
