"""Contextual similarity of many pairs in bounded memory, with gradients.

A block of distances at a time is made, used and overwritten, and made again for the gradients.
"""

import math
from collections.abc import Iterator

import torch
from torch.autograd.function import once_differentiable

from dejavu_ros.ops.contextual.settings import EPSILON, ContextualSettings
from dejavu_ros.ops.contextual.shapes import check_shapes

BLOCK = 1 << 20  # distances held at a time, 4 MiB of float32: they stay in a processor's cache
CUDA_BLOCK = 1 << 24  # enough to keep a GPU busy between two launches


def contextual_matrix(queries: torch.Tensor, keyframes: torch.Tensor, settings: ContextualSettings,
                      block: int = 0) -> torch.Tensor:
    """CX of every query with every keyframe.

    ``queries`` (Q, n, N1), ``keyframes`` (K, n, N2) of any float type; distances are float32 (float64 for
    float64 input). Returns (Q, K). Whatever Q, K, N1 and N2 are, at most ``block`` distances (a row of a pair, if that
    is more) are held at a time, in three copies for gradients; 0 takes what suits the device. There are no second
    derivatives.
    """
    check_shapes(queries, keyframes)
    block = block or (CUDA_BLOCK if queries.is_cuda else BLOCK)
    with torch.autocast(queries.device.type, enabled=False):
        similarity = Directed.apply(queries, keyframes, settings, block)
        if settings.symmetric:
            similarity = (similarity + Directed.apply(keyframes, queries, settings, block).T) / 2
    return similarity


class Directed(torch.autograd.Function):
    """CX of one direction: maps (A, n, N1) and (B, n, N2) to (A, B)."""

    @staticmethod
    def forward(ctx, f1: torch.Tensor, f2: torch.Tensor, settings: ContextualSettings, block: int) -> torch.Tensor:
        paper, learn = settings.form == 'paper', any(ctx.needs_input_grad)
        workspace = Workspace(f1, f2, block)
        best = workspace.new_zeros(len(f1), f1.shape[2] if paper else f2.shape[2], len(f2))  # T, (A, N1 or N2, B)
        row = torch.zeros_like(best, dtype=torch.int64) if learn and not paper else None
        for a, b, rows in workspace.blocks():
            distance = workspace.distances(f1[a, :, rows], f2[b], settings.squared)
            t, total = soft_assignments(distance, settings.bandwidth, distance)
            if paper:
                best[a, rows, b] = 1 / total
                continue
            t.div_(total[..., None])
            if learn:
                highest, where = (part.transpose(1, 2) for part in t.max(1))
                row[a, :, b] = torch.where(highest > best[a, :, b], where + rows.start, row[a, :, b])
            else:
                highest = t.amax(1).transpose(1, 2)
            best[a, :, b] = torch.maximum(best[a, :, b], highest)
        ctx.settings, ctx.block = settings, block
        ctx.save_for_backward(f1, f2, best, row)
        return best.mean(1)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: torch.Tensor):
        f1, f2, best, row = ctx.saved_tensors
        settings = ctx.settings
        workspace = Workspace(f1, f2, ctx.block)
        gradient1, gradient2 = (workspace.new_zeros(*part.shape) for part in (f1, f2))
        # of the loss by log T, at the T that count
        chosen = best * (gradient[:, None] / best.shape[1])
        for a, b, rows in workspace.blocks():
            distance = workspace.distances(f1[a, :, rows], f2[b], settings.squared)
            nearest, column = distance.min(3)
            t, total = soft_assignments(distance, settings.bandwidth, workspace.buffer(1, distance.shape), nearest)
            t.div_(total[..., None])
            if row is None:
                mass, mass_distance = chosen[a, rows, b], chosen[a, rows, b] * nearest
            else:
                here = row[a, :, b] - rows.start
                inside = (here >= 0) & (here < distance.shape[1])
                here = here.clamp(0, distance.shape[1] - 1)
                weight = chosen[a, :, b] * inside
                at = here.transpose(1, 2)[:, None]
                mass = torch.zeros_like(nearest).scatter_add_(1, here, weight)
                at_distance = distance.gather(1, at)[:, 0].transpose(1, 2)
                mass_distance = torch.zeros_like(nearest).scatter_add_(1, here, weight * at_distance)
            # z = slope * distance, T = softmax(z); slope depends on the nearest distance
            slope = -1 / (settings.bandwidth * (nearest + EPSILON))
            expected = torch.mul(t, distance, out=workspace.buffer(2, distance.shape)).sum(3)
            by_nearest = (mass_distance - mass * expected) * settings.bandwidth * slope.square()
            by_distance = t.mul_((-mass * slope)[..., None])
            if row is None:
                by_nearest = by_nearest + mass * slope
            else:
                by_distance.scatter_add_(1, at, (weight * slope.gather(1, here)).transpose(1, 2)[:, None])
            by_distance.scatter_add_(3, column[..., None], by_nearest[..., None])
            if not settings.squared:
                by_distance.div_(2 * distance).masked_fill_(distance == 0, 0)
            part1, part2 = workspace.gradients(by_distance, f1[a, :, rows], f2[b])
            gradient1[a, :, rows] += part1
            gradient2[b] += part2
        return gradient1.to(f1.dtype), gradient2.to(f2.dtype), None, None


def soft_assignments(distance: torch.Tensor, bandwidth: float, out: torch.Tensor,
                     nearest: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """exp(-D / h) of distances (A, rows, B, N2), times a factor for each row that makes 1 of its largest.

    Written to ``out``, which may be ``distance``; and the sums over N2, (A, rows, B), which make T of it.
    """
    if nearest is None:
        nearest = distance.amin(3)
    slope = -1 / (bandwidth * (nearest + EPSILON))
    t = torch.sub(distance, nearest[..., None], out=out).mul_(slope[..., None]).exp_()
    return t, t.sum(3)


class Workspace:
    """Memory for blocks of distances between maps (A, n, N1) and (B, n, N2), used over and over."""

    def __init__(self, f1: torch.Tensor, f2: torch.Tensor, block: int):
        self.dtype = torch.float64 if f1.dtype == torch.float64 else torch.float32
        self.device = f1.device
        (self.maps1, _, self.cells1), (self.maps2, _, self.cells2) = f1.shape, f2.shape
        pairs = max(1, block // (self.cells1 * self.cells2))
        self.step2 = min(self.maps2, pairs)
        self.step1 = max(1, min(self.maps1, pairs // self.step2))
        self.rows = max(1, min(self.cells1, block // (self.step1 * self.step2 * self.cells2)))
        self.buffers: dict[int, torch.Tensor] = {}

    def new_zeros(self, *shape: int) -> torch.Tensor:
        return torch.zeros(shape, dtype=self.dtype, device=self.device)

    def blocks(self) -> Iterator[tuple[slice, slice, slice]]:
        """Which maps of either side, and which rows of a pair."""
        for a in range(0, self.maps1, self.step1):
            for b in range(0, self.maps2, self.step2):
                for row in range(0, self.cells1, self.rows):
                    yield slice(a, a + self.step1), slice(b, b + self.step2), slice(row, row + self.rows)

    def buffer(self, number: int, shape: tuple[int, ...]) -> torch.Tensor:
        """Memory number ``number`` in the shape of a block; what was in it is lost."""
        if number not in self.buffers:
            self.buffers[number] = torch.empty(self.step1 * self.step2 * self.rows * self.cells2, dtype=self.dtype,
                                               device=self.device)
        return self.buffers[number][:math.prod(shape)].view(shape)

    def distances(self, a: torch.Tensor, b: torch.Tensor, squared: bool) -> torch.Tensor:
        """(A, n, rows), (B, n, N2) to (A, rows, B, N2), in buffer 0.

        From the vectors' own norms, since float16 ones are not exactly of unit length.
        """
        left, right = self.lifted(a, b)
        distance = self.buffer(0, (len(a), a.shape[2], len(b), b.shape[2]))
        torch.mm(left, right.T, out=distance.view(len(left), len(right))).clamp_(min=0)
        return distance if squared else distance.sqrt_()

    def lifted(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(A * rows, n + 2) and (B * N2, n + 2), whose inner products are the squared distances."""
        a, b = (part.to(self.dtype).transpose(1, 2).flatten(0, 1) for part in (a, b))
        one_a, one_b = a.new_ones(len(a), 1), b.new_ones(len(b), 1)
        return (torch.cat([-2 * a, a.square().sum(1, keepdim=True), one_a], 1),
                torch.cat([b, one_b, b.square().sum(1, keepdim=True)], 1))

    def gradients(self, by_squared: torch.Tensor, a: torch.Tensor,
                  b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """From those by the squared distances (A, rows, B, N2) to those by the maps, (A, n, rows) and (B, n, N2)."""
        left, right = self.lifted(a, b)
        weights = by_squared.view(len(left), len(right))
        by_left, by_right = weights @ right, weights.T @ left
        a, b = a.to(self.dtype), b.to(self.dtype)
        by_left = by_left.unflatten(0, (len(a), -1)).transpose(1, 2)
        by_right = by_right.unflatten(0, (len(b), -1)).transpose(1, 2)
        return -2 * by_left[:, :-2] + 2 * a * by_left[:, -2:-1], by_right[:, :-2] + 2 * b * by_right[:, -1:]
