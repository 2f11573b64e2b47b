"""The findings that are about models, documented like the rules about source."""

from porter.lint.rule import SourceRule
from porter.lint.rules import RULES as SOURCE_RULES

README = ("README.md of porter, under Limits",)

MODEL_RULES = (
    SourceRule(
        code="PT401",
        name="model-refused",
        what="A model that porter cannot convert.",
        why="Something in its graph has no Keras form yet; porter refuses rather than guess.",
        instead="`porter explain` says why rules missed; `--outputs` and `--inputs`, or `outputs` and `inputs` in porter.toml, "
        "convert the part that can be. `--update-baseline` accepts it until then.",
        references=README,
    ),
    SourceRule(
        code="PT402",
        name="model-unreadable",
        what="A model whose files are damaged, incomplete, or without the graph.",
        why="It cannot be loaded any more, here or elsewhere, which is better known before it is needed.",
        instead="Restore the missing part from where the model was trained. A checkpoint needs its .meta, .index and .data files.",
    ),
    SourceRule(
        code="PT403",
        name="model-differs",
        what="A converted model that does not compute the same as the original.",
        why="This is what the check is for. If the model converted before, it is a regression.",
        instead="`porter verify` on the conversion names the first layer that is wrong; please report it as a bug of porter.",
    ),
    SourceRule(
        code="PT404",
        name="model-crashed",
        what="A conversion or a proof that crashed.",
        why="That is a bug of porter or of a library below it; nothing is known of the model.",
        instead="Run `porter convert -v` on it and report what it prints.",
    ),
    SourceRule(
        code="PT405",
        name="model-over-limit",
        what="A conversion or a proof that took more time or memory than it may.",
        why="One model must not stop the check of the others.",
        instead="Raise `timeout` (seconds) or `memory` (GiB) in porter.toml, prove fewer levels, or split with `--shard`.",
    ),
    SourceRule(
        code="PT406",
        name="model-not-fetched",
        what="A Git LFS pointer in place of a model.",
        why="The file itself was not fetched, so that nothing can be checked.",
        instead="`git lfs pull`; in CI, `lfs: true` for actions/checkout.",
    ),
    SourceRule(
        code="PT407",
        name="model-not-proved",
        what="A level of the proof that porter.toml asks for and that could not run.",
        why="A level that did not run proves nothing.",
        instead="Install the backend it needs, add a reference recording, or ask for other levels.",
    ),
    SourceRule(
        code="PT408",
        name="model-settings",
        what="Settings of a model in porter.toml that do not fit it.",
        why="Names of inputs, outputs or placeholders that are not in the graph, for instance.",
        instead="`porter inspect` lists what is there.",
    ),
)  # fmt: skip

ALL_RULES = tuple(sorted((*SOURCE_RULES, *MODEL_RULES), key=lambda rule: rule.code))
BY_CODE = {rule.code: rule for rule in ALL_RULES}
