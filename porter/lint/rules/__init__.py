"""All rules about source, in the order of their codes. A new rule is one file and one name here."""

from porter.lint.rules import contrib, graph, layers, program, training, unreadable

MODULES = (unreadable, contrib, layers, graph, training, program)
RULES = tuple(sorted((rule for module in MODULES for rule in module.RULES), key=lambda rule: rule.code))
BY_CODE = {rule.code: rule for rule in RULES}

__all__ = ["BY_CODE", "RULES"]
