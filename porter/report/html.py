"""report.html: what report.json holds, for people. One file, no script, nothing from the network."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from porter.report import digest
from porter.report.digest import Report

STYLE = """
:root { --ink: #1c2024; --soft: #60666d; --line: #dfe3e8; --page: #fff; --box: #f6f7f9; --good: #17703b; --bad: #b3261e;
  --unsure: #8a5a00; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #9aa3ac; --line: #343a41; --page: #15181b;
  --box: #1e2226; --good: #6fce94; --bad: #ff8a80; --unsure: #e6b35c } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem }
p { margin: .4rem 0 } .soft { color: var(--soft) }
.verdict { border-left: .3rem solid var(--unsure); background: var(--box); padding: .75rem 1rem; margin: 1rem 0 }
.verdict.proved { border-color: var(--good) } .verdict.failed { border-color: var(--bad) }
.passed { color: var(--good) } .failed { color: var(--bad); font-weight: 600 } .skipped { color: var(--unsure) }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .9rem; overflow-wrap: normal }
th { text-align: left; font-weight: 600; color: var(--soft); white-space: nowrap }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right } .text { min-width: 14rem; white-space: pre-line }
code, summary { font: .85em/1.5 ui-monospace, monospace } summary { cursor: pointer; color: var(--soft) }
ul { margin: .4rem 0; padding-left: 1.2rem } li { margin: .2rem 0 }
"""


class Html(str):
    """Text that is HTML already. Any other text is escaped when it is put into a tag."""


def tag(name: str, *children: object, **attributes: str) -> Html:
    """An element. `class_` is the attribute class."""
    given = "".join(f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items() if value)
    return Html(f"<{name}{given}>{''.join(_safe(child) for child in children)}</{name}>")


def joined(*children: object) -> Html:
    """Elements and text after one another."""
    return Html("".join(_safe(child) for child in children))


def _safe(child: object) -> str:
    return child if isinstance(child, Html) else html.escape(str(child))


def render(report: Report) -> str:
    """The page for a report.json (as a dict)."""
    name = str(report.get("source", {}).get("path", "model")).replace("\\", "/").rstrip("/").split("/")[-1]
    body = Html("\n").join(
        part
        for part in (
            _head(report, name),
            _tensors(report),
            _proof(report),
            _listed("Changed on purpose", [_change(each) for each in report.get("changes", ())]),
            _listed("Warnings", report.get("warnings", ())),
            _summary(report),
            _layers(report),
            _weights(report),
            _files(report),
        )
        if part
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            tag("title", f"{name}: converted to Keras 3"),
            f"<style>{STYLE}</style>",
            body,
            "</html>\n",
        ]
    )


def _head(report: Report, name: str) -> Html:
    source = report.get("source", {})
    origin = [source.get("format", ""), f"TensorFlow {source['producer']}" if source.get("producer") else ""]
    about = [", ".join(filter(None, origin)), f"converted by porter {report.get('porter', '')}".strip()]
    verified = report.get("verified") or {}
    rule = digest.tolerance(verified)
    told = tag("strong", digest.sentence(report))
    allowed = tag("p", f"Allowed: {rule}.", class_="soft") if rule else ""
    return joined(
        tag("h1", name),
        tag("p", "; ".join(filter(None, about)), class_="soft"),
        tag("div", told, allowed, class_=f"verdict {digest.verdict(verified).split()[0]}"),
    )


def _tensors(report: Report) -> Html:
    rows = [
        [kind, tag("code", row["tensor"]), tag("code", row["keras"]), digest.shape(row["shape"]), row["dtype"]]
        for kind, key in (("input", "inputs"), ("output", "outputs"))
        for row in report.get(key, ())
    ]
    knobs = [[tag("code", row["tensor"]), row["became"], _text(row.get("why", ""))] for row in report.get("knobs", ())]
    tensors = _section("Inputs and outputs", _table(["", "TensorFlow", "Keras", "shape", "dtype"], rows))
    return joined(tensors, _section("Knobs", _table(["TensorFlow", "became", "recognised from"], knobs)))


def _proof(report: Report) -> Html:
    rows: list[list[object]] = []
    for level in (report.get("verified") or {}).get("levels", ()):
        status = tag("span", digest.MARKS.get(level["status"], level["status"]), class_=level["status"])
        said = "\n".join(filter(None, [level.get("reason", ""), digest.trials(level)]))
        details = _details("what was seen", _seen(level))
        rows.append([str(level["level"]), level["title"], status, digest.worst_error(level), _text(said, details)])
    return _section("Verification", _table(["level", "of what", "result", "worst error", "how"], rows, numbers=(0, 3)))


def _seen(level: Report) -> list[object]:
    """The worst comparison of each output, and the notes."""
    seen: list[object] = []
    for row in digest.worst(level):
        parts = [
            f"{row.error} of the spread",
            row.clause,
            f"{row.share} of the elements off" if row.share else "",
            row.on,
        ]
        seen.append(joined(tag("code", row.output), ": ", "; ".join(filter(None, parts))))
    return [*seen, *level.get("notes", ())]


def _change(change: Report) -> Html:
    where = tag("code", change.get("layer", ""))
    outputs = ", ".join(change.get("outputs", ()))
    told = f" ({change.get('kind', '')}; outputs {outputs}): {change.get('why', '')}"
    return joined(where, told)


def _summary(report: Report) -> Html:
    rows = [
        [tag("code", group.keras), group.rule, str(group.calls), str(group.nodes)]
        for group in digest.groups(report.get("layers", ()))
    ]
    return _section("What became what", _table(["Keras", "rule", "calls", "TensorFlow nodes"], rows, numbers=(2, 3)))


def _layers(report: Report) -> Html:
    rows: list[list[object]] = []
    for row in report.get("layers", ()):
        weights = [
            joined(tag("code", key), " ← ", tag("code", source)) for key, source in (row.get("weights") or {}).items()
        ]
        nodes = row.get("nodes", ())
        rows.append(
            [
                tag("code", row["name"]) if row.get("name") else "",
                tag("code", row["class"]),
                row.get("rule", ""),
                _details(f"{len(nodes)} nodes" if len(nodes) != 1 else "1 node", [tag("code", node) for node in nodes]),
                _details(f"{len(weights)} weights" if len(weights) != 1 else "1 weight", weights),
            ]
        )
    return _section("Layers", _table(["name", "class", "rule", "from TensorFlow", "weights"], rows))


def _weights(report: Report) -> Html:
    weights = report.get("weights", {})
    parts = []
    for title, names in (("copied", weights.get("copied", ())), ("computed", weights.get("computed", ()))):
        parts.append(_details(f"{len(names)} {title}", [tag("code", name) for name in names]))
    for why, names in digest.left_by_reason(report).items():
        parts.append(_details(f"{len(names)} left: {why}", [tag("code", name) for name in names]))
    return _section("Variables of the checkpoint", joined(*(tag("div", part) for part in parts if part)))


def _files(report: Report) -> Html:
    rows = [
        [tag("code", name), tag("code", digest_)]
        for name, digest_ in report.get("source", {}).get("sha256", {}).items()
    ]
    return _section("Source files", _table(["file", "SHA-256"], rows))


def _section(title: str, content: Html) -> Html:
    return joined(tag("h2", title), content) if content else Html()


def _listed(title: str, texts: Sequence[object]) -> Html:
    return _section(title, tag("ul", *(tag("li", text) for text in texts)) if texts else Html())


def _details(title: str, items: Iterable[object]) -> Html:
    """A list under a title that opens it; nothing if it is empty."""
    items = list(items)
    return tag("details", tag("summary", title), tag("ul", *(tag("li", item) for item in items))) if items else Html()


def _text(*children: object) -> Html:
    """A cell of running text."""
    return tag("div", *children, class_="text")


def _table(titles: Sequence[str], rows: Sequence[Sequence[Any]], numbers: Sequence[int] = ()) -> Html:
    """A table that scrolls by itself where the page is narrow. numbers: columns that are set to the right."""
    if not rows:
        return Html()
    side = ["number" if index in numbers else "" for index in range(len(titles))]
    head = tag("tr", *(tag("th", title, class_=each) for title, each in zip(titles, side, strict=True)))
    body = [tag("tr", *(tag("td", cell, class_=each) for cell, each in zip(row, side, strict=True))) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="wide")
