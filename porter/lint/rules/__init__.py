"""All rules about source, in the order of their codes. A new rule is one file and one name here."""

from porter.lint.rules import (
    addons,
    arguments,
    batch_size,
    contrib,
    graph,
    layers,
    layers_of_keras,
    normalisation,
    program,
    switches,
    training,
    unreadable,
)

MODULES = (
    unreadable, contrib, layers, graph, training, program, arguments, addons, normalisation, layers_of_keras, switches, batch_size,
)  # fmt: skip
RULES = tuple(sorted((rule for module in MODULES for rule in module.RULES), key=lambda rule: rule.code))
BY_CODE = {rule.code: rule for rule in RULES}

__all__ = ["BY_CODE", "RULES"]
