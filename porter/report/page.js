// Draws the graph before and after, scopes folded; a click opens a scope or shows a layer. Without a script the tables
// of the page tell the same.
"use strict";
const graph = JSON.parse(document.getElementById("graph-data").textContent);
const ROW = 58, GAP = 22, FEW = 36, MOST = 8;
const opened = new Set();
let chosen = null;

// A scope that holds one thing only is no fold: its name would hide what it holds.
function scopesOf(path) {
  const parts = path.split("/");
  return parts.slice(0, -1).map((_, at) => parts.slice(0, at + 1).join("/"));
}
const sizes = new Map();
for (const side of [graph.before, graph.after])
  for (const node of side) for (const scope of scopesOf(node.path))
    sizes.set(scope, (sizes.get(scope) || new Map()).set(side, ((sizes.get(scope) || new Map()).get(side) || 0) + 1));
const folds = (scope) => [...(sizes.get(scope) || new Map()).values()].some((count) => count > 1);

// What is shown of a side: nodes, and in the place of those in a folded scope the scope.
function shown(side) {
  const boxes = new Map();
  const boxOf = side.map((node, at) => {
    const scope = scopesOf(node.path).find((each) => folds(each) && !opened.has(each));
    const alone = scope !== undefined && sizes.get(scope).get(side) === 1;
    const key = scope === undefined || alone ? "node " + at : "scope " + scope;
    if (!boxes.has(key)) boxes.set(key, { key, scope: alone ? undefined : scope, nodes: [], before: new Set() });
    boxes.get(key).nodes.push(at);
    return boxes.get(key);
  });
  side.forEach((node, at) => node.inputs.forEach((from) => {
    if (boxOf[from] !== boxOf[at]) boxOf[at].before.add(boxOf[from]);
  }));
  return [...boxes.values()];
}

// Rows by the longest way from an input. An edge against the order of the nodes, as in a loop, moves nothing.
function placed(boxes, side) {
  const order = new Map(boxes.map((box, at) => [box, at]));
  const rows = [];
  for (const box of boxes) {
    const ahead = [...box.before].filter((each) => order.get(each) < order.get(box));
    box.row = ahead.length ? 1 + Math.max(...ahead.map((each) => each.row)) : 0;
    box.label = box.scope === undefined ? side[box.nodes[0]].label : box.scope.split("/").pop();
    box.small = box.scope === undefined ? side[box.nodes[0]].kind : box.nodes.length + " nodes";
    box.width = Math.min(230, Math.max(70, 16 + 7.4 * Math.max(box.label.length, box.small.length)));
    const most = Math.floor((box.width - 12) / 7.3);
    if (box.label.length > most) box.label = box.label.slice(0, most - 1) + "…";
    (rows[box.row] ||= []).push(box);
  }
  let width = 0;
  for (const row of rows) {
    for (const box of row) {
      const ahead = [...box.before].filter((each) => each.x !== undefined);
      box.wish = ahead.length ? ahead.reduce((sum, each) => sum + each.x + each.width / 2, 0) / ahead.length : 0;
    }
    row.sort((one, other) => one.wish - other.wish);
    let x = 0;
    for (const box of row) { box.x = x; x += box.width + GAP; }
    row.width = x - GAP;
    width = Math.max(width, row.width);
  }
  for (const row of rows) for (const box of row) { box.x += (width - row.width) / 2 + 12; box.y = 12 + box.row * ROW; }
  return { width: width + 24, height: rows.length * ROW + 12 };
}

function element(name, attributes, parent, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function draw(name) {
  const side = graph[name], boxes = shown(side), size = placed(boxes, side);
  const holder = document.getElementById(name);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("width", size.width);
  svg.setAttribute("height", size.height);
  for (const box of boxes) for (const from of box.before) {
    const [x1, y1, x2, y2] = [from.x + from.width / 2, from.y + 36, box.x + box.width / 2, box.y];
    element("path", { d: `M${x1} ${y1} C${x1} ${y1 + 14} ${x2} ${y2 - 14} ${x2} ${y2}` }, svg);
  }
  const layer = chosen === null ? null : graph.after[chosen];
  const wanted = new Set(layer === null ? [] : name === "after" ? [chosen] : layer.nodes);
  for (const box of boxes) {
    const classes = ["box"];
    if (box.scope !== undefined) classes.push("scope");
    if (box.nodes.some((at) => wanted.has(at))) classes.push("marked");
    if (box.nodes.some((at) => side[at].wrong)) classes.push("wrong");
    const group = element("g", { class: classes.join(" "), tabindex: 0, role: "button" }, svg);
    element("title", {}, group, box.scope === undefined ? side[box.nodes[0]].path : box.scope);
    element("rect", { x: box.x, y: box.y, width: box.width, height: 36 }, group);
    element("text", { x: box.x + 8, y: box.y + (box.small ? 15 : 22) }, group, box.label);
    element("text", { x: box.x + 8, y: box.y + 29, class: "soft" }, group, box.small);
    const act = () => pick(name, box);
    group.addEventListener("click", act);
    group.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); } });
  }
  holder.replaceChildren(svg);
  const marked = svg.querySelector(".marked rect");
  if (marked) holder.scrollTop = Math.max(0, marked.getAttribute("y") - holder.clientHeight / 3);
}

function pick(name, box) {
  if (box.scope !== undefined) opened.add(box.scope);
  else if (name === "after") chosen = box.nodes[0];
  else {
    const maker = graph.after.findIndex((layer) => layer.nodes.includes(box.nodes[0]));
    chosen = maker < 0 ? chosen : maker;
  }
  show();
}

function show() {
  draw("before");
  draw("after");
  const chips = document.getElementById("chips");
  const chip = (text, folded) => {
    const button = document.createElement("button");
    button.textContent = text;
    button.addEventListener("click", () => {
      for (const each of [...opened]) if (folded(each)) opened.delete(each);
      show();
    });
    return button;
  };
  const open = [...opened].sort();
  const scopes = open.length > MOST ? open.filter((scope) => !scope.includes("/")).slice(0, MOST) : open;
  chips.replaceChildren(
    ...(open.length > 1 ? [chip("fold everything", () => true)] : []),
    ...scopes.map((scope) => chip("fold " + scope, (each) => each === scope || each.startsWith(scope + "/"))),
  );
  const panel = document.getElementById("chosen");
  if (chosen === null) return;
  const layer = graph.after[chosen];
  const heading = document.createElement("h3");
  heading.textContent = layer.title;
  panel.replaceChildren(heading, ...layer.told.map(([what, texts]) => {
    const line = document.createElement("p");
    const label = document.createElement("span");
    label.className = "soft";
    label.textContent = what + " ";
    const code = document.createElement("code");
    code.textContent = texts.join(", ");
    line.append(label, code);
    return line;
  }));
}

// Open scopes as long as the whole can be taken in at a glance.
for (let more = true; more;) {
  more = false;
  const scopes = [...graph.before, ...graph.after].map((node) => scopesOf(node.path).find((each) => folds(each) && !opened.has(each)));
  for (const scope of [...new Set(scopes)].filter((each) => each !== undefined)) {
    opened.add(scope);
    if (shown(graph.after).length > FEW || shown(graph.before).length > FEW) opened.delete(scope);
    else { more = true; break; }
  }
}
show();
