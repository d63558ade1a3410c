"""Contextual similarity of many pairs of maps on a GPU, in Triton. ``gpu.py`` imports it where it is used.

As on the CPU, the softmax is shifted by its largest exponent:

    m_i = min_j d_ij,   c_i = log2(e) / (h (m_i + 1e-5)),   z_ij = c_i (m_i - d_ij),   T_ij = 2^z_ij / sum_j 2^z_ij

Passes: no exponent of a row is known before its minimum, so its distances are made twice, for the minimum and for the
sum; keeping them instead would take all registers for a few rows. In the paper's form that is all, as the best T of a
row is 1 / sum. In the authors' form the best T of a column is its largest log2 T = z - log2 sum, known when all rows
have their m and sum: a third pass that runs down the columns, two numbers a row kept in between, and exponentials of
the columns' maxima only. Distances live in registers, a tile of ROWS x COLUMNS at a time.

Every pass makes a distance by the same product of the same two tiles. Where d is as small as its own rounding error, as
between twins, m - d then still cancels; with rows and columns exchanged the sums may run in another order, and 1e-7 of
a distance, over m + 1e-5, is 2 % of T.

Cost: a clock of a Hopper processor (SM) is 16 exponentials, or 128 other float operations, or 2048 multiply-adds of
float16 in the tensor cores. A distance needs one exponential, 1/16 of a clock. Made of differences it would also need
20 other operations in each of two passes, 5/16 of a clock; as an inner product of 16 channels two passes are 1/64 of
one. So vectors are lifted from n to n + 6 channels, 16 for n = 10, and one inner product is the squared distance:

    (-2 a, |a|^2 in three parts, units) . (b, units, |b|^2 in three parts)

Three float16 hold all bits of a norm, and products of float16 are exact: what is left is the rounding of float32 sums.
The first pass then takes a minimum a distance, the second a multiply-add, an exponential and an addition, and the
exponentials are the limit, unless some of the columns take a polynomial (HALVINGS).

Maps are read as stored; the lifted vectors of the pair at work lie in a piece of memory of the program that works on
it, which stays in the caches. They are float16 for float16 and bfloat16 maps; float32 ones take the same way through
the tensor cores in three products of tf32.
"""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
# parts of a norm count 2^12, 1 and 2^-12: enough for float16 and lengths up to 16,000; longer vectors give NaN
UNIT = tl.constexpr(4096.0)


# compiled once for all sizes
@triton.jit(do_not_specialize=['pairs', 'keyframe_count', 'n1', 'n2'])
def contextual_kernel(queries, keyframes, similarities, lifted, statistics, next_pair, pairs, keyframe_count, n1, n2,
                      stride, bandwidth, epsilon, N: tl.constexpr, CHANNELS: tl.constexpr, PAPER: tl.constexpr,
                      SQUARED: tl.constexpr, SYMMETRIC: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
                      HALVINGS: tl.constexpr):
    """CX of ``queries`` (Q, N, n1) and ``keyframes`` (K, N, n2) to ``similarities`` (Q, K) float32.

    Every program takes one pair after the other from the counter ``next_pair``, and has its part of ``lifted``
    (programs, 2, CHANNELS, stride) and ``statistics`` (programs, 2, stride) to work in.
    """
    program = tl.program_id(0).to(tl.int64)
    a = lifted + program * 2 * CHANNELS * stride
    b = a + CHANNELS * stride
    statistics += program * 2 * stride
    LARGEST: tl.constexpr = ROWS if ROWS > COLUMNS else COLUMNS
    pair = tl.atomic_add(next_pair, 1)
    while pair < pairs:
        rest = lift(queries + (pair // keyframe_count).to(tl.int64) * N * n1, n1, a, stride, N, True, LARGEST)
        rest += lift(keyframes + (pair % keyframe_count).to(tl.int64) * N * n2, n2, b, stride, N, False, LARGEST)
        tl.debug_barrier()  # what one thread wrote, others read
        similarity = directed(a, n1, b, n2, stride, statistics, bandwidth, epsilon, CHANNELS, PAPER, SQUARED, ROWS,
                              COLUMNS, HALVINGS)
        if SYMMETRIC:
            back = directed(b, n2, a, n1, stride, statistics, bandwidth, epsilon, CHANNELS, PAPER, SQUARED, ROWS,
                            COLUMNS, HALVINGS)
            similarity = (similarity + back) / 2
        # a minimum passes over NaN
        tl.store(similarities + pair, tl.where(tl.abs(rest) < float('inf'), similarity, float('nan')))
        tl.debug_barrier()  # before the next pair overwrites what others may still read
        pair = tl.atomic_add(next_pair, 1)


@triton.jit
def lift(stored, count, lifted, stride, N: tl.constexpr, LEFT: tl.constexpr, BLOCK: tl.constexpr):
    """Write the vectors ``stored`` (N, count) as one side of the product above; at infinity up to a whole BLOCK.

    Returns what the parts left of the norms: tiny, and not finite where a vector is not or is too long.
    """
    norm_at: tl.constexpr = N if LEFT else N + 3
    ones_at: tl.constexpr = N + 3 if LEFT else N
    rest = 0.0
    for first in range(0, count, BLOCK):
        at = first + tl.arange(0, BLOCK)
        norm = tl.zeros((BLOCK,), tl.float32)
        for k in range(N):
            value = tl.load(stored + k * count + at, mask=at < count, other=0.0)
            value = value.to(lifted.dtype.element_ty).to(tl.float32)
            norm += value * value
            tl.store(lifted + k * stride + at, value * (-2.0 if LEFT else 1.0))
        unit = UNIT
        for part in tl.static_range(3):
            piece = (norm / unit).to(tl.float16).to(tl.float32)
            norm -= piece * unit
            if part == 0:
                piece = tl.where(at < count, piece, float('inf'))
            tl.store(lifted + (norm_at + part) * stride + at, piece)
            tl.store(lifted + (ones_at + part) * stride + at, tl.full((BLOCK,), unit, tl.float32))
            unit /= UNIT
        rest += tl.sum(norm)
    return rest


@triton.jit
def directed(rows, row_count, columns, column_count, stride, statistics, bandwidth, epsilon, CHANNELS: tl.constexpr,
             PAPER: tl.constexpr, SQUARED: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
             HALVINGS: tl.constexpr):
    """CX of one direction of a pair, of lifted ``rows`` and ``columns`` (CHANNELS, stride)."""
    best_of_rows = 0.0
    for first in range(0, row_count, ROWS):
        left = tl.trans(vectors(rows, first, stride, CHANNELS, ROWS))
        lowest = tl.full((ROWS,), float('inf'), tl.float32)
        for start in range(0, column_count, COLUMNS):
            right = vectors(columns, start, stride, CHANNELS, COLUMNS)
            lowest = tl.minimum(lowest, tl.min(tl.dot(left, right, input_precision='tf32x3'), 1))
        lowest = as_distance(lowest, SQUARED)
        scale = LOG2_E / (bandwidth * (tl.maximum(lowest, 0.0) + epsilon))
        shift = scale * lowest
        powers = tl.zeros((ROWS,), tl.float32)
        for start in range(0, column_count, COLUMNS):
            right = vectors(columns, start, stride, CHANNELS, COLUMNS)
            d = as_distance(tl.dot(left, right, input_precision='tf32x3'), SQUARED)
            powers += sum_of_powers(shift[:, None] - scale[:, None] * d, HALVINGS)
        i = first + tl.arange(0, ROWS)
        best_of_rows += tl.sum(tl.where(i < row_count, 1 / powers, 0.0))
        if not PAPER:
            tl.store(statistics + i, scale, mask=i < row_count)
            tl.store(statistics + stride + i, shift - tl.log2(powers), mask=i < row_count)
    similarity = best_of_rows / row_count
    if not PAPER:
        tl.debug_barrier()
        best_of_columns = 0.0
        for start in range(0, column_count, COLUMNS):
            right = vectors(columns, start, stride, CHANNELS, COLUMNS)
            highest = tl.full((ROWS, COLUMNS), float('-inf'), tl.float32)  # of a column in every ROWS-th row
            for first in range(0, row_count, ROWS):
                i = first + tl.arange(0, ROWS)
                scale = tl.load(statistics + i, mask=i < row_count, other=1.0)
                at_zero = tl.load(statistics + stride + i, mask=i < row_count, other=0.0)
                left = tl.trans(vectors(rows, first, stride, CHANNELS, ROWS))
                d = as_distance(tl.dot(left, right, input_precision='tf32x3'), SQUARED)
                highest = tl.maximum(highest, at_zero[:, None] - scale[:, None] * d)
            j = start + tl.arange(0, COLUMNS)
            best = tl.exp2(tl.minimum(tl.max(highest, 0), 0.0))
            best_of_columns += tl.sum(tl.where(j < column_count, best, 0.0))
        tl.debug_barrier()  # before the other direction overwrites the statistics
        similarity = best_of_columns / column_count
    return similarity


@triton.jit
def vectors(lifted, first, stride, CHANNELS: tl.constexpr, COUNT: tl.constexpr):
    """(CHANNELS, COUNT) of them."""
    return tl.load(lifted + tl.arange(0, CHANNELS)[:, None] * stride + (first + tl.arange(0, COUNT))[None, :])


@triton.jit
def as_distance(squared, SQUARED: tl.constexpr):
    """The distance that the form means. Rounding can leave a twin's a little below 0: it matters to the root only."""
    return squared if SQUARED else tl.sqrt(tl.maximum(squared, 0.0))


@triton.jit
def sum_of_powers(x, HALVINGS: tl.constexpr):
    """sum_j 2^x_ij, (ROWS, COLUMNS) to (ROWS,). With HALVINGS s > 0, 2^-s of the columns take the polynomial."""
    total = tl.zeros((x.shape[0],), tl.float32)
    for _ in tl.static_range(HALVINGS):
        x, others = tl.split(tl.permute(tl.reshape(x, (x.shape[0], 2, x.shape[1] // 2)), (0, 2, 1)))
        total += tl.sum(tl.exp2(others), 1)
    return total + tl.sum(polynomial_exp2(x) if HALVINGS else tl.exp2(x), 1)


@triton.jit
def polynomial_exp2(x):
    """2^x for x <= 0 to 3e-7 relative, at least 2^-126, without the special-function unit: as in fused_kernel.h."""
    x = tl.maximum(x, -126.0)
    shifted = x + 12582912.0  # 1.5 x 2^23: the lowest bits of the mantissa are now the nearest whole number
    f = x - (shifted - 12582912.0)
    p = 0.00132647272 * f + 0.00967151264
    p = p * f + 0.0555073374
    p = p * f + 0.240222421
    p = p * f + 0.693146978
    p = p * f + 1.0
    return (p.to(tl.int32, bitcast=True) + (shifted.to(tl.int32, bitcast=True) << 23)).to(tl.float32, bitcast=True)
