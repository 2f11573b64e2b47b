"""Random numbers that both sides are given: the original's random operations are fed, Keras' random functions replaced.

So a dropout's mask is the same on both sides, and what is compared is what is done with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from porter.graph.operations import RANDOM
from porter.verify.draws_in_loops import STEPS
from porter.verify.draws_in_loops import drawn as in_loop
from porter.verify.placing import Placed
from porter.verify.reference import Reference, Refused
from porter.verify.steps import after, read

Drawn = Callable[[Sequence[int], Any], np.ndarray]  # the numbers for a shape, and for a seed of Keras'


class Draws:
    """Random numbers for the rows that draw some, by row; `feeds` gives them to the original.

    in_loops: operations that draw inside of loops by name, with the numbers that `drawn` makes theirs of.
    """

    def __init__(
        self,
        reference: Reference,
        placed: Iterable[Placed],
        feeds: Mapping[str, np.ndarray],
        seed: int,
        in_loops: Mapping[str, int],
    ) -> None:
        self.feeds: dict[str, np.ndarray] = {}
        self.of: dict[int, np.ndarray] = {}
        self.in_loops: dict[int, list[int]] = {}
        self.turned: set[int] = set()
        random = np.random.default_rng(seed)
        for each in placed:
            numbered = [in_loops[name] for name in each.row.get("nodes", ()) if name in in_loops]
            if numbered:
                self.in_loops[each.number] = numbered
                continue
            drawn = [name for name in each.row.get("nodes", ()) if _op(reference, name) in RANDOM]
            if len(drawn) != 1:
                continue
            tensor = f"{drawn[0]}:0"
            try:
                found = reference.run(feeds, [tensor], training=True) or {}
            except Refused:
                continue
            self.feeds[tensor] = numbers(_op(reference, drawn[0]), found[tensor], random)
            self.of[each.number] = _laid_out(self.feeds[tensor], each)

    def turn(self, placed: Placed) -> bool:
        """Draw 1 - u for u on Keras' side, for a mask made the other way round; False for rows that draw none."""
        if placed.number in self.in_loops:
            self.turned ^= {placed.number}
            return True
        if placed.number not in self.of:
            return False
        self.of[placed.number] = 1 - self.of[placed.number]
        return True

    @contextmanager
    def replay(self, placed: Placed) -> Iterator[None]:
        """While it is open, Keras draws the numbers of this row."""
        if placed.number not in self.of and placed.number not in self.in_loops:
            yield
            return
        # Keras' layers call these by way of this module; there is no public place to put other numbers in.
        from keras.src.backend import random

        drawn = self._in_loop(placed) if placed.number in self.in_loops else self._outside(placed)
        kept = {name: getattr(random, name) for name in ("dropout", "uniform", "normal")}
        try:
            random.dropout = lambda x, rate, noise_shape=None, seed=None: _dropped(x, rate, noise_shape, drawn, seed)
            random.uniform = lambda shape, minval=0.0, maxval=1.0, dtype=None, seed=None: (
                drawn(shape, seed) * (maxval - minval) + minval
            )
            random.normal = lambda shape, mean=0.0, stddev=1.0, dtype=None, seed=None: (
                drawn(shape, seed) * stddev + mean
            )
            yield
        finally:
            for name, function in kept.items():
                setattr(random, name, function)

    def _outside(self, placed: Placed) -> Drawn:
        return lambda shape, _: _shaped(self.of[placed.number], shape)

    def _in_loop(self, placed: Placed) -> Drawn:
        """Of several in a layer made for a loop, the seeds were drawn one after the other; a layer over a whole sequence
        [batch, steps, ...] has the same numbers in each step."""
        numbers = self.in_loops[placed.number]
        seeds = getattr(placed.operation, "seeds", None)
        first = None if seeds is None else int(seeds.state[1])

        def found(shape: Sequence[int], seed: Any) -> np.ndarray:
            if first is None:
                made = np.broadcast_to(in_loop([*shape[:1], *shape[2:]], numbers[0])[:, None], shape)
            else:
                made = in_loop(shape, numbers[int(seed.next()[1]) - first])
            return 1 - made if placed.number in self.turned else made

        return found


def numbers(op: str, like: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Numbers such as the operation `op` draws, in the shape of `like`."""
    if op == "RandomUniform":
        return ((random.integers(STEPS, size=like.shape) + 0.5) / STEPS).astype(like.dtype)
    if op in ("RandomStandardNormal", "TruncatedNormal"):
        return np.clip(random.standard_normal(like.shape), -2, 2).astype(like.dtype)
    return like


def _op(reference: Reference, name: str) -> str:
    return reference.nodes[name].op if name in reference.nodes else ""


def _laid_out(drawn: np.ndarray, placed: Placed) -> np.ndarray:
    """The numbers with their axes in the order of the converted tensor."""
    source = next((each for each in placed.row.get("outputs", ()) if each), "")
    steps = read(source)[1]
    turned = after(steps, drawn) if source and drawn.ndim > 1 else drawn
    return drawn if turned is None else turned


def _shaped(drawn: np.ndarray, shape: Any) -> np.ndarray:
    shape = tuple(int(size) for size in shape)
    if shape != drawn.shape:
        raise ValueError(f"random numbers of shape {list(shape)}, the original draws {list(drawn.shape)}")
    return drawn


def _dropped(x: Any, rate: float, noise_shape: Any, drawn: Drawn, seed: Any) -> Any:
    shape = [size if size is not None else x.shape[axis] for axis, size in enumerate(noise_shape or x.shape)]
    kept = (drawn(shape, seed) >= rate).astype(x.dtype.as_numpy_dtype)
    return x / (1 - rate) * kept
