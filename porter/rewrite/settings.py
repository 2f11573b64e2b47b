"""Which inputs only set how an operation works: an axis, a permutation, a number of entries."""

from __future__ import annotations

from porter.graph import Node

MOST = 20  # operations between what is fed and what takes it


def settings(node: Node) -> list[str]:
    """The names of placeholders of whole numbers from which alone one of the arguments of `node` follows."""
    whole = [value for value in node.inputs if value.dtype.startswith("int") and value.rank in (0, 1)]
    for value in sorted(whole, key=lambda value: value.rank or 0):  # an axis rather than indices
        found: dict[str, None] = {}
        seen: set[str] = set()
        stack = [value.node]
        while stack and len(seen) <= MOST:
            each = stack.pop()
            if each.name in seen:
                continue
            seen.add(each.name)
            if each.op == "Placeholder":
                found[each.outputs[0].tensor.split(":")[0] or each.name] = None
            elif each.op == "Variable" or each.op in ("Shape", "Size"):
                break
            stack += [given.node for given in each.inputs]
        else:
            if found and len(seen) <= MOST:
                return list(found)
    return []
