"""`gym` where it is not installed: the spaces of the games that networks were written for, which decide their sizes.

A game here has no rules: what is seen is zeros, and nothing is won. An unknown game is an error that names it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

# What is seen, and what can be done: a number of choices, or the sizes of a vector. As the environments' own pages say.
GAMES: dict[str, tuple[tuple[int, ...], int | tuple[int, ...]]] = {
    "CartPole": ((4,), 2), "Acrobot": ((6,), 3), "MountainCar": ((2,), 3), "MountainCarContinuous": ((2,), (1,)),
    "Pendulum": ((3,), (1,)), "LunarLander": ((8,), 4), "LunarLanderContinuous": ((8,), (2,)),
    "BipedalWalker": ((24,), (4,)), "BipedalWalkerHardcore": ((24,), (4,)), "CarRacing": ((96, 96, 3), (3,)),
    "HalfCheetah": ((17,), (6,)), "Hopper": ((11,), (3,)), "Walker2d": ((17,), (6,)), "Swimmer": ((8,), (2,)),
    "Ant": ((111,), (8,)), "Humanoid": ((376,), (17,)), "Reacher": ((11,), (2,)), "InvertedPendulum": ((4,), (1,)),
    "InvertedDoublePendulum": ((11,), (1,)),
}  # fmt: skip
PLACES = {"FrozenLake": (16, 4), "FrozenLake8x8": (64, 4), "Taxi": (500, 6), "CliffWalking": (48, 4), "NChain": (5, 2)}
ATARI = {
    "Breakout": 4, "Pong": 6, "SpaceInvaders": 6, "Seaquest": 18, "BeamRider": 9, "Qbert": 6, "Enduro": 9, "MsPacman": 9,
    "Boxing": 18, "Freeway": 3, "Asteroids": 14, "Alien": 18, "Assault": 7, "Riverraid": 18, "MontezumaRevenge": 18,
    "Gopher": 8, "Kangaroo": 18, "Krull": 18, "KungFuMaster": 14, "Tutankham": 8, "VideoPinball": 9, "Frostbite": 18,
}  # fmt: skip


class Discrete:
    """A choice among n."""

    shape: tuple[int, ...] = ()

    def __init__(self, n: int):
        self.n, self.dtype = n, np.dtype("int64")

    def sample(self) -> int:
        """The first choice."""
        return 0


class Box:
    """Numbers between low and high."""

    def __init__(self, low: Any, high: Any, shape: tuple[int, ...] | None = None, dtype: Any = "float32"):
        self.shape = tuple(np.shape(low)) if shape is None else tuple(shape)
        self.dtype = np.dtype(dtype)
        self.low, self.high = np.full(self.shape, low, self.dtype), np.full(self.shape, high, self.dtype)

    def sample(self) -> Any:
        """Zeros."""
        return np.zeros(self.shape, self.dtype)


class Env:
    """A game: spaces, and answers of their shapes."""

    metadata: dict[str, Any] = {}
    reward_range = (-float("inf"), float("inf"))
    _max_episode_steps = 200

    def __init__(self, seen: Any = None, done: Any = None):
        self.observation_space, self.action_space = seen, done
        self.unwrapped = self.env = self.spec = self

    def reset(self) -> Any:
        """What is seen first."""
        return self.observation_space.sample()

    def step(self, action: Any) -> tuple[Any, float, bool, dict[str, Any]]:
        """What is seen, nothing won, at the end."""
        return self.observation_space.sample(), 0.0, True, {"ale.lives": 0}

    def __getattr__(self, name: str) -> Any:
        """Showing, seeding and closing do nothing."""
        if name in ("render", "seed", "close", "monitor", "start"):
            return lambda *_, **__: None
        raise AttributeError(f"{name} of a game; gym is not installed")


class Wrapper(Env):
    """A game around a game."""

    def __init__(self, env: Env):
        super().__init__(env.observation_space, env.action_space)
        self.env, self.unwrapped = env, env.unwrapped

    def reset(self, **more: Any) -> Any:
        """What the inner game shows."""
        return self.env.reset(**more)

    def step(self, action: Any) -> Any:
        """What the inner game answers."""
        return self.env.step(action)


ObservationWrapper = RewardWrapper = ActionWrapper = Wrapper


def make(name: str, *_: Any, **__: Any) -> Env:
    """The game of that name, such as "CartPole-v0" or "BreakoutDeterministic-v4"."""
    from porter.legacy.world.libraries import AbsentError

    short = name.split("/")[-1].rpartition("-v")[0]
    if short in GAMES:
        seen, done = GAMES[short]
        space = Discrete(done) if isinstance(done, int) else Box(-1.0, 1.0, done)
        picture = len(seen) == 3
        env = Env(Box(0, 255, seen, "uint8") if picture else Box(-float("inf"), float("inf"), seen), space)
    elif short in PLACES:
        env = Env(*map(Discrete, PLACES[short]))
    else:
        memory = short.endswith("-ram")
        plain = short.removesuffix("-ram").removesuffix("NoFrameskip").removesuffix("Deterministic")
        if plain not in ATARI:
            raise AbsentError(f"gym.make({name!r}) is needed here, and gym is not installed")
        env = Env(Box(0, 255, (128,) if memory else (210, 160, 3), "uint8"), Discrete(ATARI[plain]))
    print(f"porter: gym is not installed; {name} is there by its spaces alone", file=sys.stderr)
    return env


def modules() -> dict[str, ModuleType]:
    """The modules that answer for gym."""
    here = sys.modules[__name__]
    vars(here).update(spaces=here, wrappers=here, envs=here, core=here, __path__=[])
    return dict.fromkeys(("gym", "gym.spaces", "gym.wrappers", "gym.envs", "gym.core"), here)


def __getattr__(name: str) -> Any:
    """What else gym has may be named."""
    from porter.legacy.world.libraries import Unusable

    if name.startswith("__"):
        raise AttributeError(name)
    return Unusable(f"gym.{name}")
