"""report.html: what report.json holds, for people. One file, nothing from the network.

Everything is there without the script too; that draws the two graphs, and the page's policy lets no other one run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

from porter.report import digest, drawing
from porter.report.digest import Report


class Html(str):
    """Text that is HTML already. Any other text is escaped when it is put into a tag."""


def tag(name: str, *children: object, **attributes: str) -> Html:
    """An element. `class_` is the attribute class, `data_title` data-title."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value}
    given = "".join(f' {key}="{html.escape(value)}"' for key, value in named.items())
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
            _graphs(report),
            _plots(report),
            _layers(report),
            _weights(report),
            _files(report),
        )
        if part
    )
    script = _part("page.js") if report.get("graph") else ""
    digest_ = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest_}'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            tag("title", f"{name}: converted to Keras 3"),
            f"<style>{_part('page.css')}</style>",
            body,
            f"<script>{script}</script>" if script else "",
            "</html>\n",
        ]
    )


def _part(name: str) -> str:
    return files("porter.report").joinpath(name).read_text(encoding="utf-8")


def _head(report: Report, name: str) -> Html:
    source = report.get("source", {})
    origin = [source.get("format", ""), f"TensorFlow {source['producer']}" if source.get("producer") else ""]
    about = [", ".join(filter(None, origin)), f"converted by porter {report.get('porter', '')}".strip()]
    verified = report.get("verified") or {}
    rule = digest.tolerance(verified)
    told = tag("strong", digest.sentence(report))
    wrong = verified.get("first_wrong")
    first = tag("p", f"Wrong first, at level {wrong['level']}: {wrong['told']}") if wrong else ""
    allowed = tag("p", f"Allowed: {rule}.", class_="soft") if rule else ""
    granted = [tag("p", text, class_="soft") for text in digest.overrides(verified)]
    return joined(
        tag("h1", name),
        tag("p", "; ".join(filter(None, about)), class_="soft"),
        tag("div", told, first, allowed, *granted, class_=f"verdict {digest.verdict(verified).split()[0]}"),
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
        status = tag("span", digest.mark(level), class_=level["status"] if level.get("applies", True) else "soft")
        first, *others = level.get("reason", "").split("\n")
        said = "\n".join(filter(None, [first, digest.trials(level)]))
        details = [_details("what else is off", others), _details("what was seen", _seen(level))]
        rows.append([str(level["level"]), level["title"], status, digest.worst_error(level), _text(said, *details)])
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
    told = f" ({change.get('kind', '')}; outputs {outputs}): {digest.change(change)}"
    return joined(where, told)


def _summary(report: Report) -> Html:
    rows = [
        [tag("code", group.keras), group.rule, str(group.calls), str(group.nodes)]
        for group in digest.groups(report.get("layers", ()))
    ]
    return _section("What became what", _table(["Keras", "rule", "calls", "TensorFlow nodes"], rows, numbers=(2, 3)))


def _graphs(report: Report) -> Html:
    """Both graphs side by side, which the script draws out of their data."""
    sides = drawing.sides(report)
    if sides is None:
        return Html()
    data = json.dumps(sides, separators=(",", ":")).replace("<", "\\u003c")  # no text of the model ends the element
    told = (
        "A dashed box is a scope: click it to open it. Click a layer to see what it is made of, "
        "a TensorFlow node to see the layer that stands for it. Constants and weights are not drawn."
    )
    panes = [
        tag("figure", tag("figcaption", title), tag("div", id=name, class_="side"))
        for name, title in (("before", "Before: TensorFlow"), ("after", "After: Keras"))
    ]
    return joined(
        tag("h2", "Before and after"), tag("p", told, class_="soft"), tag("div", id="chips", class_="chips"),
        tag("div", *panes, class_="sides"), tag("div", "No layer is chosen yet.", id="chosen", class_="chosen"),
        Html(f'<script type="application/json" id="graph-data">{data}</script>'),
    )  # fmt: skip


def _plots(report: Report) -> Html:
    """Errors as pictures: of each layer, and of elements of each output."""
    figures = [
        tag("figure", Html(picture), tag("figcaption", told))
        for picture, told in (
            (drawing.error_plot(report), "Each layer alone, fed what the original feeds it: its error as a share of the "
             "spread. The green band is allowed."),
            *(
                (drawing.scatter(points, name), f"{name}: converted minus original, as a share of what is allowed (the "
                 "green band), over the original's value.")
                for level in (report.get("verified") or {}).get("levels", ())
                for name, points in (level.get("points") or {}).items()
            ),
        )
        if picture
    ]  # fmt: skip
    return _section("Errors", tag("div", *figures, class_="plots") if figures else Html())


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
    """A table; where the page is narrow, each row is a card. numbers: columns that are set to the right."""
    if not rows:
        return Html()
    side = ["number" if index in numbers else "" for index in range(len(titles))]
    head = tag("tr", *(tag("th", title, class_=each) for title, each in zip(titles, side, strict=True)))
    cells = [list(zip(row, titles, side, strict=True)) for row in rows]
    body = [tag("tr", *(tag("td", cell, class_=each, data_title=title) for cell, title, each in row)) for row in cells]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="wide")
