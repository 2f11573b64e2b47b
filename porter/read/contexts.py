"""In which branches of `tf.cond` and which frames of `tf.while_loop` each node of a version 1 graph runs."""

from __future__ import annotations

from dataclasses import dataclass

from porter.read.wiring import Tensor, Wiring


@dataclass(frozen=True)
class Branch:
    """The branch of a cond that is taken when `predicate` (looked through Identity) is `taken`."""

    predicate: Tensor
    taken: bool


@dataclass(frozen=True)
class Frame:
    """A while loop's frame."""

    name: str


Context = tuple[Branch | Frame, ...]  # the outermost first


class Contexts:
    """The context of every node, in one pass over the graph."""

    def __init__(self, wiring: Wiring):
        self.wiring = wiring
        self.of: dict[str, Context] = {}
        stack = [(name, False) for name in reversed(wiring.nodes)]
        entered: set[str] = set()
        while stack:
            name, leaving = stack.pop()
            if leaving:
                self.of[name] = self._context(name)
            elif name not in entered:
                entered.add(name)
                stack.append((name, True))
                stack += [(n, False) for n in self._needs(name) if n not in entered and n in wiring.nodes]

    def of_tensor(self, tensor: Tensor) -> Context:
        """The context in which a tensor is alive: for a Switch's output the branch that it opens."""
        context = self.of.get(tensor[0], ())
        if self.wiring.op(tensor[0]) in ("Switch", "RefSwitch"):
            predicate = self.wiring.through(self.wiring.inputs[tensor[0]][1], ("Identity",))
            if self.wiring.op(predicate[0]) != "LoopCond":
                return (*context, Branch(predicate, tensor[1] == 1))
        return context

    def _needs(self, name: str) -> list[str]:
        """The nodes whose contexts say that of `name`; never backwards around a loop."""
        inputs = [source for source, _ in self.wiring.inputs[name]]
        if self.wiring.op(name) in ("Merge", "RefMerge"):
            return [source for source in inputs if self.wiring.op(source) not in ("NextIteration", "RefNextIteration")]
        return inputs or self.wiring.controls[name]

    def _context(self, name: str) -> Context:
        op, node = self.wiring.op(name), self.wiring.nodes[name]
        inputs = [tensor for tensor in self.wiring.inputs[name] if tensor[0] in self._needs(name)]
        if not inputs:
            inputs = [(control, 0) for control in self.wiring.controls[name]]
        around = [self.of_tensor(tensor) for tensor in inputs]
        deepest = max(around, key=len, default=())
        if op in ("Enter", "RefEnter"):
            return (*deepest, Frame(node.attr["frame_name"].s.decode()))
        if op in ("Exit", "RefExit"):
            frames = [depth for depth, part in enumerate(deepest) if isinstance(part, Frame)]
            return deepest[: frames[-1]] if frames else deepest
        if op in ("Merge", "RefMerge") and len(around) > 1:
            shared = 0
            while all(len(c) > shared and c[shared] == around[0][shared] for c in around):
                shared += 1
            return around[0][:shared]
        return deepest
