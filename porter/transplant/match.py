"""Which part of the original is which part of the model, and from what that follows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby, islice

from porter.transplant.names import natural
from porter.transplant.parts import Part, flattened, squeezed, unlike
from porter.transplant.together import side_by_side, task_of

AUTOMATIC = re.compile(
    r"((depthwise_|separable_)?conv[123]d(_transpose)?|dense|(batch|layer|group)_normalization|embedding|lstm|gru)(_\d+)?"
)
COUNTED = re.compile(r"_?\d+|(?<![a-z])[a-z](?![a-z])")  # conv1 and conv2, or unit/a and unit/b
ORDER = "the order of those of its shape"


@dataclass
class Match:
    """pairs: (of the original, of the model, why). open: parts of the model with the parts that they may be.

    missing: parts of the model for which there is nothing, and why. left: parts of the original without a use.
    taken: parts, by id, that a pair holds together with others, or a piece of.
    """

    pairs: list[tuple[Part, Part, str]] = field(default_factory=list)
    open: list[tuple[list[Part], list[Part]]] = field(default_factory=list)
    missing: list[tuple[Part, str]] = field(default_factory=list)
    left: list[Part] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)


def match(sources: list[Part], targets: list[Part]) -> Match:
    """Match parts by kind and shape; among equals by their place along both graphs, by names, or by order.

    A match is made only where one of these decides; what none decides is left open, with the candidates.
    """
    found = Match()
    rest_s, rest_t = list(sources), list(targets)
    for norms in (False, True):  # norms last: they go along with the kernels that they follow
        some_s = [part for part in rest_s if (part.family in ("norm", "scale")) == norms]
        some_t = [part for part in rest_t if (part.family in ("norm", "scale")) == norms]
        if norms:
            _along(some_s, some_t, found)
        else:
            side_by_side(some_s, some_t, found)
        for key in dict.fromkeys(part.key for part in some_t):
            _among([p for p in some_s if p.key == key], [p for p in some_t if p.key == key], found)
        if not norms:
            _flattened(some_s, some_t, found)
    used = {id(source) for source, _, _ in found.pairs} | found.taken
    opened = {id(part) for _, group in found.open for part in group}
    done = {id(target) for _, target, _ in found.pairs} | opened
    found.left = [part for part in sources if id(part) not in used]
    for part in targets:
        if id(part) not in done:
            found.missing.append((part, _why_none(part, found.left)))
    return found


def _pair(found: Match, source: Part, target: Part, why: str) -> bool:
    if unlike(source, target):
        return False
    found.pairs.append((source, target, why))
    return True


def _free(parts: Iterable[Part], found: Match) -> list[Part]:
    used = {id(part) for source, target, _ in found.pairs for part in (source, target)} | found.taken
    return [part for part in parts if id(part) not in used]


def _among(sources: list[Part], targets: list[Part], found: Match) -> None:
    """Match parts of one kind and shape."""
    sources, targets = _free(sources, found), _free(targets, found)
    targets = [part for part in targets if any(not unlike(source, part) for source in sources)]
    if not targets:
        return
    if len(sources) == len(targets) == 1:
        _pair(found, sources[0], targets[0], "the only one of its shape")
        return
    ways = ((_by_signature, "its place along the graph"), (_by_name, "its name"), (_by_task, "its place and its task"))
    for how, why in ways:
        for source, target in how(_free(sources, found), _free(targets, found)):
            _pair(found, source, target, why)
    sources, targets = _free(sources, found), _free(targets, found)
    groups = [group for way in _by_way(sources, targets) for group in _by_place(*way)]
    for some, others in [each for group in groups for each in _by_words(*group)]:
        numbered = _by_number(some, others)
        found.pairs += [(source, target, "the number in its name") for source, target in numbered]
        if numbered:
            continue
        if len(some) == len(others) and all(_is_chain(each) for each in (some, others)):
            for givers, takers in _by_holder(some, others):
                ordered = _in_order(takers)
                if ordered is None:
                    found.open.append((givers, takers))
                    continue
                for source, target in zip(givers, ordered, strict=True):
                    _pair(found, source, target, ORDER if len(others) > 1 else "what is left")
        elif some and others:
            found.open.append((some, others))


def _by_way(sources: list[Part], targets: list[Part]) -> list[tuple[list[Part], list[Part]]]:
    """Shortcuts by themselves, and what reads from the end, where both sides say which parts these are and have as many."""
    groups = [(sources, targets)]
    for told in ("short", "backwards"):
        held = {id(part): getattr(part, told) for part in (*sources, *targets)}
        groups = [each for group in groups for each in _apart(*group, held)]
    return groups


def _apart(
    sources: list[Part], targets: list[Part], held: Mapping[int, bool | None]
) -> list[tuple[list[Part], list[Part]]]:
    """The parts of which something holds apart from those of which it doesn't, if both sides have as many.

    held: by the id of a part, whether it holds.
    """
    if any(held[id(part)] is None for part in (*sources, *targets)):
        return [(sources, targets)]
    sides = [
        ([s for s in sources if held[id(s)] == so], [t for t in targets if held[id(t)] == so]) for so in (False, True)
    ]
    return sides if all(len(some) == len(others) for some, others in sides) else [(sources, targets)]


def _by_words(sources: list[Part], targets: list[Part]) -> list[tuple[list[Part], list[Part]]]:
    """Those whose names share a word by themselves, such as an encoder's or queries, if both sides have as many."""
    some, others = ({id(part): _words(part) for part in parts} for parts in (sources, targets))
    groups = [(sources, targets)]
    for word in sorted(set().union(*some.values()) & set().union(*others.values())):
        held = {part: word in words for part, words in (some | others).items()}
        groups = [each for group in groups for each in _apart(*group, held)]
    return groups


def _by_number(sources: list[Part], targets: list[Part]) -> list[tuple[Part, Part]]:
    """Parts of equal numbers, where on each side numbers alone tell names apart, and both sides have the same ones."""
    if len(sources) < 2 or any(AUTOMATIC.fullmatch(part.name.rpartition("/")[2]) for part in targets):
        return []
    sides = [{tuple(re.findall(r"\d+", part.name)): part for part in parts} for parts in (sources, targets)]
    if any(len({COUNTED.sub("", part.name) for part in parts}) > 1 for parts in (sources, targets)):
        return []
    if sides[0].keys() != sides[1].keys() or any(len(key) != 1 for key in sides[0]) or len(sides[0]) < len(sources):
        return []
    pairs = [(sides[0][key], sides[1][key]) for key in sides[0]]
    return [] if any(unlike(*pair) for pair in pairs) else pairs


def _words(part: Part) -> set[str]:
    """The words in a part's name that someone chose."""
    steps = [step for step in part.name.lower().split("/") if not AUTOMATIC.fullmatch(step)]
    return {*re.findall(r"[a-z]{2,}", " ".join([*steps, part.called.lower()])), task_of(part)}


def _by_place(sources: list[Part], targets: list[Part]) -> list[tuple[list[Part], list[Part]]]:
    """Those of one place by themselves, where some share one."""
    groups = _places(sources, targets)
    return groups if any(len(some) > 1 for some, _ in groups) else [(sources, targets)]


def _places(sources: list[Part], targets: list[Part]) -> list[tuple[list[Part], list[Part]]]:
    """Parts by place along the graph, counted in kernels from both ends, or from the inputs where these agree alone.

    Nothing where one side has more at a place than the other.
    """
    if any(part.signature is None for part in (*sources, *targets)):
        return []
    for count in (2, 1):
        groups: dict[tuple, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
        for side, parts in enumerate((sources, targets)):
            for part in parts:
                groups[part.signature[:count] if part.signature else ()][side].append(part)
        if all(len(some) == len(others) for some, others in groups.values()):
            return list(groups.values())
    return []


def _by_task(sources: list[Part], targets: list[Part]) -> list[tuple[Part, Part]]:
    """What makes queries, keys and values, where names say so, among those of one place or one scope."""
    found = []
    for some, others in _places(sources, targets):
        tasks = [{task_of(part): part for part in parts} for parts in (some, others)]
        if len(some) == len(tasks[0]) == len(tasks[1]) and tasks[0].keys() == tasks[1].keys() and "" not in tasks[0]:
            found += [(tasks[0][task], tasks[1][task]) for task in tasks[0]]
    return found


def _by_signature(sources: list[Part], targets: list[Part]) -> list[tuple[Part, Part]]:
    """Parts whose place along the graph, counted in kernels from both ends, only one on the other side shares.

    Where the networks end differently, the way from the inputs decides alone.
    """
    if any(part.signature is None for part in (*sources, *targets)):
        return []
    alike = len(sources) == len(targets)
    for count in (3, 2) if alike else (1,):
        groups: dict[tuple, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
        for side, parts in enumerate((sources, targets)):
            for part in parts:
                groups[part.signature[:count] if part.signature else ()][side].append(part)
        if alike and any(len(one) != len(other) for one, other in groups.values()):
            continue  # one network is shifted against the other: equal places mean nothing
        return [(one[0], other[0]) for one, other in groups.values() if len(one) == len(other) == 1]
    return []


def _by_name(sources: list[Part], targets: list[Part]) -> list[tuple[Part, Part]]:
    """Parts of the same name, after what differs between conventions is taken off."""
    groups: dict[str, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
    for side, parts in enumerate((sources, targets)):
        for part in parts:
            groups[_plain(part.name)][side].append(part)
    return [(one[0], other[0]) for name, (one, other) in groups.items() if name and len(one) == len(other) == 1]


def _plain(name: str) -> str:
    if AUTOMATIC.fullmatch(name.rpartition("/")[2]):
        return ""  # numbers of layers that nobody named say in what order they were made, which differs
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def _is_chain(parts: list[Part]) -> bool:
    """Whether each part is computed from the one before it; where there is no graph, numbers in the names must do."""
    if any(part.behind is None for part in parts):
        return len({COUNTED.sub("", part.name) for part in parts}) == 1
    pairs = zip(parts, parts[1:], strict=False)
    return all(bool((later.behind or 0) >> earlier.order & 1) for earlier, later in pairs)


def _by_holder(sources: list[Part], targets: list[Part]) -> list[tuple[list[Part], list[Part]]]:
    """Both sides' parts in order, those by themselves of which it isn't known in what order their layer calls them."""
    groups: list[tuple[list[Part], list[Part]]] = []
    givers = iter(sources)
    for _, each in groupby(targets, key=lambda part: part.made_in or -1 - part.order):
        group = list(each)
        groups.append((list(islice(givers, len(group))), group))
    return groups


def _in_order(parts: list[Part]) -> list[Part] | None:
    """Parts made in one layer, which may call them in any order, by the numbers in the words of who wrote it, if any."""
    if len(parts) == 1:
        return parts
    names = [part.name.rpartition("/")[2] for part in parts]
    sides = [[part.called for part in parts]]
    if not any(AUTOMATIC.fullmatch(name) for name in names):
        sides.append([f"{part.called.rpartition(' ')[0]} {name}" for part, name in zip(parts, names, strict=True)])
    for texts in sides:
        if len({COUNTED.sub("", text) for text in texts}) == 1 and len(set(texts)) == len(texts):
            told = dict(zip(texts, parts, strict=True))
            return [told[text] for text in sorted(told, key=natural)]
    return None


def _along(sources: list[Part], targets: list[Part], found: Match) -> None:
    """Norms of kernels that are matched already."""
    counterpart = {target.order: source.order for source, target, _ in found.pairs}
    for target in targets:
        if target.after is None or target.after not in counterpart:
            continue
        wanted = counterpart[target.after]
        near = [s for s in _free(sources, found) if s.after == wanted and not unlike(s, target)]
        same = [t for t in _free(targets, found) if t.after == target.after and t.key == target.key]
        if len(near) == len(same) == 1:
            _pair(found, near[0], target, "it follows the same kernel")


def _flattened(sources: list[Part], targets: list[Part], found: Match) -> None:
    """A dense layer for a convolution over everything, or the other way round, where only one of each is left."""
    for target in _free(targets, found):
        fitting = [s for s in _free(sources, found) if s.family == target.family and flattened(s, target, s.main)]
        others = [t for t in _free(targets, found) if fitting and flattened(fitting[0], t, t.main)]
        if len(fitting) == len(others) == 1:
            _pair(found, fitting[0], target, "the only one of as many numbers")


def _why_none(part: Part, left: list[Part]) -> str:
    """Why nothing fits a part of the model."""
    near = [each for each in left if each.family == part.family]
    fit = [each for each in near if squeezed(each.shape()) == squeezed(part.shape())]
    if fit and part.family == "recurrent" and _resets_behind(part) and not _resets_behind(fit[0]):
        return f"it resets behind the product, {fit[0].name} before it: make it with reset_after=False"
    if fit:
        return f"{fit[0].name} has its shape, but {unlike(fit[0], part) or 'is needed elsewhere'}"
    if near:
        return f"of its kind is left {near[0].name} {near[0].shape()}"
    return "nothing of its kind is left"


def _resets_behind(part: Part) -> bool:
    """Whether a GRU has two rows of biases, one of them inside the reset."""
    return "bias" in part.weights and len(part.shape("bias")) == 2
