"use strict";

// The page of a network. Everything it shows stands in the document already: the steps and the pictures' places as
// JSON in #data, each picture in a template, the table and the texts as they are without this script. Nothing of it
// is ever read as markup: what is made here is made of elements and text.

(() => {
  const NETWORK = null; // as a block: the whole of it
  const KIND = "kind";
  const byId = (id) => document.getElementById(id);
  const { name, rows: rowCount, costs, sums, views, ...data } = JSON.parse(byId("data").textContent);
  const steps = data.steps.path.map(restored);
  const main = document.querySelector("main");
  const stage = byId("stage");
  const panel = byId("panel");
  const lists = document.querySelector(".lists");
  const tableRows = [...document.querySelectorAll("tbody tr")];
  const SVG = "http://www.w3.org/2000/svg";
  const LEAST_SCALE = 1; // below it letters of 11 units are hard to read
  const LARGE_SCALE = 1.4; // the same from the back of a room
  const MOST_SCALE = 1.6;
  const MOST_FOUND = 60;
  const DIRECTIONS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  const CLICK = 4; // pixels that a finger moves without meaning it

  /** A step out of the columns, with what follows from the rest of it, and what is called by a number. */
  function restored(path, index) {
    const said = Object.entries(data.steps).filter(([, values]) => values[index] !== "");
    const own = Object.fromEntries(said.map(([key, values]) => [key, values[index]]));
    const none = { parent: NETWORK, block: false, same: "", output: "", call: "" };
    const free = Object.fromEntries(Object.keys(sums).flatMap((fact) => [[fact, ""], [`${fact}Share`, ""]]));
    const usual = { key: path, last: path, title: own.label, row: index, count: 1 };
    const called = {
      field: data.fields[own.field],
      lines: own.lines.map((line) => data.lines[line]),
      text: data.places[own.text],
    };
    return { ...none, ...free, ...usual, ...own, ...called };
  }

  /** An element with attributes, those that are false left out, and children; those that are strings become text. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value !== false) element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== ""));
    return element;
  }

  function draw(tag, attributes) {
    const element = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  /** Put other buttons in the place of some; the keyboard stays with the one that is pressed. */
  function refill(element, buttons) {
    const has = element.contains(document.activeElement);
    element.replaceChildren(...buttons);
    if (has) element.querySelector("[aria-pressed=true], [aria-current]")?.focus();
  }

  function grouped(items, keyOf) {
    const groups = new Map();
    for (const item of items) {
      const key = keyOf(item);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(item);
    }
    return groups;
  }

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // --- what belongs to what ---------------------------------------------------------------------------------------

  const children = grouped(steps.keys(), (index) => steps[index].parent);
  const viewsOf = grouped(views.keys(), (view) => views[view].block);

  /** The block whose pictures show the inside of a step: itself, or the equal one that the table opens. */
  function insideOf(index) {
    const row = steps[index].row;
    const block = steps[row].opens ?? row;
    return viewsOf.has(block) ? block : undefined;
  }

  /** The block around a step that has pictures of its own. */
  function around(index) {
    let block = steps[index].parent;
    while (block !== NETWORK && !viewsOf.has(block)) block = steps[block].parent;
    return block;
  }

  const rowOf = (index) => tableRows[steps[index].row];

  /** The row of a step, or of the smallest block around it that is not folded away. */
  function shownRow(index) {
    let { row } = steps[index];
    while (tableRows[row].hidden) row = steps[row].parent;
    return tableRows[row];
  }

  const piecesOf = grouped(document.querySelectorAll("[data-piece]"), (element) => Number(element.dataset.piece));
  const stepsAt = new Map();
  // of the steps that a piece of text belongs to, the ones with the shortest text mean just it
  const shortest = new Map();
  steps.slice(0, rowCount).forEach((step, index) => {
    const [start, end] = step.text;
    for (let piece = start; piece < end; piece += 1) {
      const before = shortest.get(piece) ?? Infinity;
      if (end - start < before) {
        shortest.set(piece, end - start);
        stepsAt.set(piece, []);
      }
      if (end - start <= before) stepsAt.get(piece).push(index);
    }
  });

  // --- state ------------------------------------------------------------------------------------------------------

  let current = { view: -1, svg: null, nodes: [], whole: null, box: null };
  let wanted = null; // the detail that the reader chose
  let color = KIND; // what colours say: what a box is, or one of its costs
  let chosen = []; // the steps whose arithmetic is shown
  let matches = [];

  // --- the picture ------------------------------------------------------------------------------------------------

  const DETAILS = ["stage", "block", "layer", "op"];

  /** The view of a block at the detail that the reader chose, or the first one. */
  function viewOf(block) {
    const all = viewsOf.get(block) ?? [];
    if (wanted === null) return all.find((view) => views[view].first) ?? all[0];
    const most = DETAILS.indexOf(wanted);
    return all.findLast((view) => DETAILS.indexOf(views[view].detail) <= most && !isMixed(view)) ?? all[0];
  }

  /** Whether a picture opens more than its detail says: another one has just that. */
  function isMixed(view) {
    const { block, detail, first } = views[view];
    return first && viewsOf.get(block).some((other) => other !== view && views[other].detail === detail);
  }

  /** The picture of a view: that of its template, or of another one with the words of this. */
  function svgOf(view) {
    const { like, words } = views[view];
    const svg = byId(`view${like ?? view}`).content.firstElementChild?.cloneNode(true);
    if (!svg || !words) return svg ?? null;
    const left = [...words];
    for (const element of svg.querySelectorAll("[data-steps], [data-heat], text")) {
      if (element.localName === "text") element.textContent = left.shift();
      for (const word of ["steps", "heat"]) if (word in element.dataset) element.dataset[word] = left.shift();
    }
    return svg;
  }

  function show(view, focus = null) {
    if (view === undefined) return;
    const svg = svgOf(view);
    current = { view, svg, nodes: [], whole: null, box: null };
    if (svg) {
      const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
      current.whole = { x: 0, y: 0, width, height };
      current.nodes = [...svg.querySelectorAll("[data-steps]")].map((element) => {
        const own = element.dataset.steps.split(" ").map(Number);
        const isNode = element.classList.contains("node");
        const opens = isNode && own.length === 1 && steps[own[0]].block ? insideOf(own[0]) : undefined;
        element.classList.toggle("opens", opens !== undefined);
        return { element, steps: own, isNode, opens };
      });
      stage.replaceChildren(svg);
      fit(false);
    }
    trail();
    details();
    shade();
    mark("chosen", chosen);
    markMatches();
    if (focus !== null) reveal(focus);
    remember();
  }

  function setBox(box) {
    current.box = box;
    current.svg.setAttribute("viewBox", [box.x, box.y, box.width, box.height].map((each) => each.toFixed(2)).join(" "));
  }

  /** Show all of the picture, or, unless `all` is asked for, as much from its beginning as can be read. */
  function fit(all) {
    if (!current.svg) return;
    const { width, height } = stage.getBoundingClientRect();
    const { whole } = current;
    if (!width || !height) return;
    const least = main.classList.contains("large") ? LARGE_SCALE : LEAST_SCALE;
    const contained = Math.min(width / whole.width, height / whole.height);
    const readable = Math.min(width / whole.width, MOST_SCALE);
    const scale = clamp(all ? contained : Math.max(contained, Math.min(readable, least)), 0.01, MOST_SCALE);
    const box = { width: width / scale, height: height / scale };
    box.x = (whole.width - box.width) / 2;
    box.y = Math.min((whole.height - box.height) / 2, 0);
    setBox(box);
  }

  /** Zoom by a factor around a point of the window, the middle of the stage if none is given. */
  function zoom(factor, clientX = null, clientY = null) {
    if (!current.svg) return;
    const { left, top, width, height } = stage.getBoundingClientRect();
    const { box, whole } = current;
    const u = clientX === null ? 0.5 : (clientX - left) / width;
    const v = clientY === null ? 0.5 : (clientY - top) / height;
    const newWidth = clamp(box.width / factor, width / 8, 4 * Math.max(whole.width, width));
    const newHeight = (newWidth * height) / width;
    setBox({
      x: box.x + u * (box.width - newWidth),
      y: box.y + v * (box.height - newHeight),
      width: newWidth,
      height: newHeight,
    });
  }

  /** Move the picture by some pixels; a part of it stays in sight. */
  function pan(dx, dy) {
    const { width } = stage.getBoundingClientRect();
    const { box, whole } = current;
    const unit = box.width / width;
    setBox({
      ...box,
      x: clamp(box.x - dx * unit, -box.width * 0.8, whole.width - box.width * 0.2),
      y: clamp(box.y - dy * unit, -box.height * 0.8, whole.height - box.height * 0.2),
    });
  }

  /** Move the picture so that a step is in sight. */
  function reveal(index) {
    const node = nodesOf(index)[0];
    if (!node) return;
    const place = node.element.getBBox();
    const box = { ...current.box };
    for (const [start, size] of [
      ["x", "width"],
      ["y", "height"],
    ]) {
      const margin = Math.min(24, box[size] / 8);
      if (place[start] < box[start] || place[start] + place[size] > box[start] + box[size]) {
        const centred = place[start] + place[size] / 2 - box[size] / 2;
        box[start] = place[size] > box[size] ? place[start] - margin : centred;
      }
    }
    setBox(box);
  }

  /** The nodes that show a step, or the smallest block in the picture that it is in. */
  function nodesOf(index) {
    for (let each = index; each !== NETWORK; each = steps[each].parent) {
      const found = current.nodes.filter((node) => node.steps.includes(each));
      if (found.length) return found;
    }
    return [];
  }

  function trail() {
    const block = views[current.view].block;
    const path = [];
    for (let each = block; each !== NETWORK; each = around(each)) path.unshift(each);
    const button = (each, text) =>
      make("button", { type: "button", "aria-current": each === block && "true", onclick: () => open(each) }, text);
    const times = ({ count }) => (count > 1 ? ` ×${count.toLocaleString("en")}` : "");
    // each by its part of the path
    const own = (each, place) => steps[each].path.slice(place ? steps[path[place - 1]].path.length + 1 : 0);
    const buttons = path.map((each, place) => button(each, own(each, place) + times(steps[each])));
    refill(byId("trail"), [button(NETWORK, name), ...buttons]);
  }

  function details() {
    const all = viewsOf.get(views[current.view].block);
    const button = (view) => {
      const chooses = { type: "button", title: "Detail (d)", "aria-pressed": String(view === current.view) };
      return make("button", { ...chooses, onclick: () => detail(view) }, detailOf(view));
    };
    refill(byId("details"), all.map(button));
    byId("details").hidden = all.length < 2;
  }

  const detailOf = (view) => (isMixed(view) ? "auto" : views[view].detail);

  function detail(view) {
    wanted = views[view].first ? null : views[view].detail;
    show(view, chosen[0] ?? null);
    say(`detail ${detailOf(view)}`);
  }

  function changeDetail(by) {
    const all = viewsOf.get(views[current.view].block);
    detail(all[(all.indexOf(current.view) + by + all.length) % all.length]);
  }

  // --- colours ----------------------------------------------------------------------------------------------------

  const COLORS = [KIND, ...Object.keys(costs)];
  const FIRST_COLOR = data.color ?? KIND;
  byId("color").append(...Object.entries(costs).map(([cost, word]) => make("option", { value: cost }, word)));

  /** Give boxes the colours that say what they are or what they cost, and say which is which. */
  function shade() {
    const { legend, scales } = views[current.view];
    byId("color").value = color;
    stage.classList.toggle("shaded", color !== KIND);
    const place = COLORS.indexOf(color) - 1;
    stage.querySelectorAll("[data-heat]").forEach((each) => heated(each, each.dataset.heat.split(" ")[place] ?? 0));
    const entry = (kind, text) => make("li", {}, make("span", { class: `sample ${kind}` }), text);
    // of what colours and lines mean, the lines stay
    const lines = data.legends[legend].filter(([kind]) => color === KIND || kind === "red" || kind === "dashed");
    const texts = data.scales[scales[place]] ?? [];
    const samples = texts.map((text, step) => text && heated(entry("hot", text), (100 * step) / (texts.length - 1)));
    byId("legend").replaceChildren(...samples.filter(Boolean), ...lines.map((each) => entry(...each)));
  }

  function heated(element, percent) {
    element.style.setProperty("--heat", `${percent}%`);
    return element;
  }

  function setColor(chosenColor) {
    color = chosenColor;
    shade();
    remember();
    say(`colours say ${costs[color] ?? "what a box is"}`);
  }

  function changeColor(by) {
    setColor(COLORS[(COLORS.indexOf(color) + by + COLORS.length) % COLORS.length]);
  }

  // --- choosing and opening ---------------------------------------------------------------------------------------

  /** Show the inside of a block, or the whole network. */
  function open(block) {
    const before = views[current.view].block;
    show(viewOf(block));
    if (block !== NETWORK && !chosen.includes(block)) choose([block], { quiet: true });
    else fillPanel();
    if (block === NETWORK && before !== NETWORK) choose([before], { look: true });
    say(`${block === NETWORK ? name : steps[block].path} is open`);
  }

  function back() {
    const { block } = views[current.view];
    if (block !== NETWORK) {
      const outer = around(block);
      show(viewOf(outer));
      choose([block], { look: true });
    } else choose([]);
  }

  /** Choose steps: their arithmetic is shown, they are marked everywhere. look: move the picture there; quiet: say
   * nothing. */
  function choose(indices, { look = false, quiet = false } = {}) {
    chosen = indices;
    if (indices.length) moveLists(indices[0]);
    mark("near", []);
    mark("chosen", indices);
    fillPanel();
    if (indices.length) {
      if (look && current.svg) reveal(indices[0]);
      if (!quiet) say(`${steps[indices[0]].path}: ${steps[indices[0]].title}, ${steps[indices[0]].output}`);
    }
    remember();
  }

  /** Move the lists so that a step is in sight. */
  function moveLists(index) {
    unfold(rowOf(index));
    keepInSight(rowOf(index));
    const piece = piecesOf.get(steps[index].text[0])?.[0];
    if (!piece) return;
    piece.closest("details").open = true;
    keepInSight(piece);
  }

  /** Choose a step of the table or the text; where the picture does not show it, open the block around it. */
  function goTo(index) {
    const exact = current.nodes.some((node) => node.steps.includes(index));
    if (!exact) show(viewOf(around(index)));
    choose([index], { look: true });
  }

  function enter(index) {
    const block = insideOf(index);
    if (block === undefined) goTo(index);
    else {
      choose([index], { quiet: true });
      open(block);
    }
  }

  /** Scroll the list that an element is in so far that it is in sight. */
  function keepInSight(element) {
    const list = element.closest("#table, #text");
    if (list.scrollHeight <= list.clientHeight) return;
    const outer = list.getBoundingClientRect();
    const own = element.getBoundingClientRect();
    const head = 34; // the heading of the list stays where it is
    if (own.top < outer.top + head) list.scrollTop += own.top - outer.top - head;
    else if (own.bottom > outer.bottom) list.scrollTop += own.bottom - outer.bottom + head;
  }

  /** Mark what belongs to some steps: in the picture, the table and the text. */
  function mark(word, indices) {
    document
      .querySelectorAll(`tr.${word}, .code .${word}, #stage .${word}`)
      .forEach((each) => each.classList.remove(word));
    for (const index of indices) {
      shownRow(index).classList.add(word);
      nodesOf(index).forEach((node) => node.element.classList.add(word));
      const [start, end] = steps[index].text;
      for (let piece = start; piece < end; piece += 1) piecesOf.get(piece)?.forEach((each) => each.classList.add(word));
    }
  }

  function say(text) {
    byId("said").textContent = text;
  }

  // --- the panel --------------------------------------------------------------------------------------------------

  function fillPanel() {
    if (!chosen.length) {
      const about = [...byId("about").children].map((each) => make("p", { class: "doc" }, each.textContent));
      const caption = document.querySelector("caption").textContent;
      const totals = [...document.querySelectorAll(".notes p")]
        .slice(0, 1)
        .map((each) => make("p", {}, each.textContent));
      panel.replaceChildren(make("article", {}, make("h2", {}, caption), ...about, ...totals));
      return;
    }
    panel.replaceChildren(...chosen.map((index, place) => article(index, place === 0)));
    panel.scrollTop = 0;
  }

  function article(index, first) {
    const step = steps[index];
    const line = step.text[3];
    const block = step.block ? insideOf(index) : undefined;
    const facts = [];
    const fact = (word, ...value) => facts.push(make("dt", {}, word), make("dd", {}, ...value));
    step.lines.forEach(([word, text], place) => {
      const repeated = place && step.lines[place - 1][0] === word;
      fact(repeated ? "" : word, word === "what" ? text : make("code", {}, text));
    });
    costFacts(step).forEach(([word, text]) => fact(word, text));
    if (step.call) fact("PyTorch", make("code", {}, step.call));
    const source = lineElement(step);
    if (source) {
      const jump = {
        type: "button",
        class: "line-button",
        title: "Show it in the text",
        onclick: () => showText(step),
      };
      fact(`line ${line}`, make("button", jump, source.textContent.trim()));
    }
    const actions = make("div", { class: "actions" });
    if (block !== undefined && views[current.view].block !== block) {
      const elsewhere = step.same ? ` (as ${step.same})` : "";
      const opens = () => {
        enter(index);
        stage.focus({ preventScroll: true });
      };
      actions.append(make("button", { type: "button", onclick: opens }, `Open ${step.path}${elsewhere}`));
    }
    const title = make("h2", {}, make("code", {}, step.path), step.title);
    const figure = first ? fieldFigure(step) : "";
    return make("article", {}, title, figure, make("dl", {}, ...facts), actions.children.length ? actions : "");
  }

  /** What a step costs beside the whole network; in numbers where its lines do not have them. */
  function costFacts(step) {
    const { count, block, lines } = step;
    const figures = Object.entries(sums).map(([fact, words]) => [words, step[fact], step[`${fact}Share`]]);
    if (count > 1 || block || !lines.some(([word]) => word === "weights" || word === "MACs")) {
      const all = count > 1 ? " in all" : "";
      const share = (value, of) => (value ? `${value}${of && ` (${of} of the network)`}` : "none");
      return figures.map(([words, value, of]) => [`${words}${all}`, share(value, of)]);
    }
    const parts = figures.filter(([, , of]) => of).map(([words, , of]) => `${of} of the ${words}`);
    return parts.length ? [["share", parts.join(", ")]] : [];
  }

  const lineElement = (step) => byId(`text${step.text[2]}-${step.text[3]}`);

  function showText(step) {
    tab("text");
    const line = lineElement(step);
    line.closest("details").open = true;
    line.scrollIntoView({ block: "center" });
  }

  // --- the receptive field on the input's grid ---------------------------------------------------------------------

  /** The positions of the input that one position of the output sees along an axis, both ends included. */
  function seenAlong({ low, high, jump, length }, position) {
    const first = Math.ceil(low + position * jump);
    const last = Math.floor(high + position * jump);
    return [clamp(first, 0, length - 1), clamp(last, 0, length - 1), first < 0 || last > length - 1];
  }

  /** The receptive field of a step as a figure: on the input's grid, or in words where it has no place there. */
  function fieldFigure({ field }) {
    if (!field) return "";
    // rows and columns; of three axes the last two, of one a row
    const [axes, grid, sizes] = [field.axes, field.grid, field.sizes].map((each) => each.slice(-2));
    const input = field.input === "" ? "the inputs" : field.input === "x" ? "the input" : field.input;
    const named = `${input}, ${sizes.join("×")}`;
    const words = axes.length === 1 ? ["positions"] : ["rows", "columns"];
    const bound = axes.some(({ status }) => status === "bound") ? "at most " : "";
    // a bound claims nothing of what lies between its ends
    const gaps = !bound && axes.some(({ gapless }) => !gapless) ? ", with gaps" : "";
    const whole = axes.every(({ status }) => status === "whole");
    const all = `Sees ${gaps ? "from end to end" : "all"} of ${named}${gaps}.`;
    const isOpen = [...field.sizes, ...field.grid].some((size) => typeof size === "string");
    if (isOpen || axes.some(({ low }) => low === null)) {
      const covers = ({ jump, size, length }) => jump === 0 && size === length;
      const size = (axis) => (covers(axis) ? "all" : axis.size.toLocaleString("en"));
      const seen = axes.map((axis, place) => `${size(axis)} ${words[place]}`).join(", ");
      const text = whole ? all : `Each position sees ${bound}${seen} of ${named}${gaps}.`;
      return make("figure", {}, make("figcaption", {}, text));
    }
    return fieldMap(axes, grid, gaps, (positions, spans) => {
      if (whole) return all;
      const ranges = spans.map(([low, high], place) => `${words[place]} ${low + 1}–${high + 1}`).join(", ");
      const padding = spans.some(([, , isCut]) => isCut) ? " and padding" : "";
      const where = `Position ${positions.map((each) => each + 1).join(", ")} of ${grid.join("×")}`;
      return `${where} sees ${bound}${ranges} of ${named}${padding}${gaps}.`;
    });
  }

  const MARGIN = 2;
  const LEAST_SEEN = 2; // a single position of a large input has to be seen too

  /** What one position sees, on the input's grid; the pointer and the arrows choose the position. told: the words for
   * a position and what it sees along each axis. */
  function fieldMap(axes, grid, gaps, told) {
    const flat = axes.length === 1;
    const [rows, columns] = [1, ...axes.map(({ length }) => length)].slice(-2);
    const unit = Math.min(170 / columns, (flat ? 24 : 120) / rows);
    const width = columns * unit;
    const height = flat ? 24 : rows * unit;
    const outer = [width + 2 * MARGIN, height + 2 * MARGIN];
    const picture = draw("svg", { viewBox: [-MARGIN, -MARGIN, ...outer].join(" "), width: outer[0], height: outer[1] });
    picture.setAttribute("role", "img");
    picture.tabIndex = 0;
    if (unit >= 6) {
      for (let x = 1; x < columns; x += 1)
        picture.append(draw("line", { class: "grid", x1: x * unit, x2: x * unit, y1: 0, y2: height }));
      for (let y = 1; !flat && y < rows; y += 1)
        picture.append(draw("line", { class: "grid", x1: 0, x2: width, y1: y * unit, y2: y * unit }));
    }
    const seen = draw("rect", { class: gaps ? "seen gaps" : "seen" });
    picture.append(draw("rect", { class: "input", x: 0, y: 0, width, height }), seen);
    const caption = make("figcaption");

    let now;
    const at = (positions) => {
      now = positions;
      const spans = axes.map((axis, place) => seenAlong(axis, positions[place]));
      const [[top, bottom], [left, right]] = [[0, 0], ...spans].slice(-2);
      const size = (low, high) => Math.max((high - low + 1) * unit, LEAST_SEEN);
      const tall = flat ? height : size(top, bottom);
      const box = { x: left * unit, y: top * unit, width: size(left, right), height: tall };
      for (const [key, value] of Object.entries(box)) seen.setAttribute(key, value);
      caption.textContent = told(positions, spans);
      picture.setAttribute("aria-label", caption.textContent);
    };
    const centre = grid.map((size) => Math.floor(size / 2));
    at(centre);
    // the pointer chooses the output position above that place of the input, arrows go from one to the next
    const point = (event) => {
      const { left, top } = picture.getBoundingClientRect();
      const parts = [(event.clientY - top - MARGIN) / height, (event.clientX - left - MARGIN) / width];
      at(grid.map((size, place) => clamp(Math.floor(parts.at(place - grid.length) * size), 0, size - 1)));
    };
    picture.addEventListener("pointermove", point);
    picture.addEventListener("pointerdown", point);
    picture.addEventListener("keydown", (event) => {
      if (!(event.key in DIRECTIONS)) return;
      event.preventDefault();
      const [dx, dy] = DIRECTIONS[event.key];
      at(now.map((each, place) => clamp(each + [dy, dx].at(place - grid.length), 0, grid[place] - 1)));
      say(caption.textContent);
    });
    picture.addEventListener("pointerleave", () => at(centre));
    return make("figure", {}, picture, caption);
  }

  // --- table and text ---------------------------------------------------------------------------------------------

  const PAGE = 60;
  const TABS = ["table", "text"];

  function tab(word) {
    lists.dataset.tab = word;
    for (const each of TABS) {
      byId(`tab-${each}`).setAttribute("aria-selected", String(each === word));
      byId(`tab-${each}`).tabIndex = each === word ? 0 : -1;
    }
    if (chosen.length) moveLists(chosen[0]);
  }

  /** Rows get a button to choose them, those of blocks one that hides what is inside; at first a page of rows is
   * open. */
  function prepareRows() {
    let levels = 1;
    const depthOf = (index) => (steps[index].parent === NETWORK ? 0 : depths[steps[index].parent] + 1);
    const depths = [];
    for (let index = 0; index < rowCount; index += 1) depths.push(depthOf(index));
    while (depths.filter((depth) => depth <= levels).length <= PAGE && depths.some((depth) => depth > levels - 1))
      levels += 1;
    tableRows.forEach((row, index) => {
      row.dataset.step = index;
      const head = row.firstElementChild;
      head.replaceChildren(make("button", { class: "name" }, head.textContent));
      const inside = (children.get(index) ?? []).filter((each) => each < rowCount);
      row.classList.toggle("block", steps[index].block && depths[index] === 0);
      if (!inside.length) {
        head.prepend(make("span", { class: "leaf" }));
        return;
      }
      const toggle = (event) => {
        event.stopPropagation();
        fold(index, row.dataset.open === "true");
      };
      const label = `Inside of ${steps[index].path}`;
      head.prepend(make("button", { class: "fold", "aria-label": label, onclick: toggle }));
      row.dataset.open = String(depths[index] + 1 < levels);
    });
    showRows();
  }

  function fold(index, closed) {
    tableRows[index].dataset.open = String(!closed);
    showRows();
  }

  function unfold(row) {
    for (let index = steps[Number(row.dataset.step)].parent; index !== NETWORK; index = steps[index].parent) {
      tableRows[index].dataset.open = "true";
    }
    showRows();
  }

  function showRows() {
    tableRows.forEach((row, index) => {
      const { parent } = steps[index];
      row.hidden = parent !== NETWORK && (tableRows[parent].hidden || tableRows[parent].dataset.open !== "true");
      const button = row.querySelector(".fold");
      if (button) {
        button.setAttribute("aria-expanded", row.dataset.open);
        button.textContent = row.dataset.open === "true" ? "▾" : "▸";
      }
    });
  }

  // --- search -----------------------------------------------------------------------------------------------------

  const search = byId("search");
  const found = byId("found");
  let at = 0;
  const sayings = steps.map((step) =>
    [step.path, step.last, step.title, step.label, step.output, step.call].join("\n").toLowerCase(),
  );

  function look() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (index) => words.every((word) => sayings[index].includes(word));
    matches = words.length ? [...tableRows.keys()].filter(fits) : [];
    at = 0;
    const options = matches
      .slice(0, MOST_FOUND)
      .map((index, place) =>
        make(
          "li",
          { role: "option", id: `found-${place}`, onclick: () => take(place) },
          make("span", {}, steps[index].path),
          make("span", {}, `${steps[index].label} · ${steps[index].output}`),
        ),
      );
    const rest = matches.length - options.length;
    const remark = rest ? `and ${rest} more` : words.length && !matches.length ? "nothing found" : "";
    found.replaceChildren(...options, ...(remark ? [make("li", { class: "none", role: "presentation" }, remark)] : []));
    found.hidden = !words.length;
    search.setAttribute("aria-expanded", String(!found.hidden));
    select();
    markMatches();
    if (words.length) say(`${matches.length} found`);
  }

  function select() {
    [...found.querySelectorAll("[role=option]")].forEach((option, place) => {
      option.setAttribute("aria-selected", String(place === at));
      if (place === at) option.scrollIntoView({ block: "nearest" });
    });
    if (matches.length) search.setAttribute("aria-activedescendant", `found-${at}`);
    else search.removeAttribute("aria-activedescendant");
  }

  function take(place) {
    const index = matches[place];
    if (index === undefined) return;
    closeFound();
    goTo(index);
  }

  function closeFound() {
    found.hidden = true;
    search.setAttribute("aria-expanded", "false");
  }

  function markMatches() {
    const all = new Set(matches);
    tableRows.forEach((row, index) => row.classList.toggle("match", all.has(index)));
    if (!current.svg) return;
    current.svg.classList.toggle("found", matches.length > 0);
    const hit = new Set(matches.flatMap(nodesOf).map((node) => node.element));
    current.nodes.forEach((node) => node.element.classList.toggle("match", hit.has(node.element)));
  }

  function clearSearch() {
    search.value = "";
    look();
    closeFound();
  }

  search.addEventListener("input", look);
  search.addEventListener("focus", () => search.value && look());
  search.addEventListener("blur", closeFound);
  // the search keeps the keyboard until the click
  found.addEventListener("mousedown", (event) => event.preventDefault());
  search.addEventListener("keydown", (event) => {
    const shown = Math.min(matches.length, MOST_FOUND);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = shown ? (at + (event.key === "ArrowDown" ? 1 : -1) + shown) % shown : 0;
      select();
    } else if (event.key === "Enter") take(at);
    else if (event.key === "Escape") {
      clearSearch();
      stage.focus();
    } else return;
    event.stopPropagation();
  });

  // --- pointers ---------------------------------------------------------------------------------------------------

  const tip = byId("tip");

  function nodeAt(target) {
    const element = target instanceof Element ? target.closest("[data-steps]") : null;
    return element && current.nodes.find((node) => node.element === element);
  }

  function showTip(node, event) {
    const step = steps[node.steps[0]];
    const said = Object.entries(sums).map(([fact, words]) => step[fact] && `${step[fact]} ${words}`);
    const hint = node.opens === undefined ? "" : "click to open";
    tip.replaceChildren(
      make("b", {}, `${step.path}: ${node.steps.map((each) => steps[each].label).join(", ")}`),
      [step.output, ...said, hint].filter(Boolean).join(" · "),
    );
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    // not over the table, where the row is marked
    const right = Math.max(stage.getBoundingClientRect().right, width + 8);
    tip.style.left = `${clamp(event.clientX + 14, 4, right - width - 4)}px`;
    tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
  }

  const pointers = new Map();
  let travelled = 0;

  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 1) travelled = 0;
    tip.hidden = true;
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) {
      const node = nodeAt(event.target);
      mark("near", node?.steps ?? []);
      if (node) {
        keepInSight(shownRow(node.steps[0]));
        showTip(node, event);
      } else tip.hidden = true;
      return;
    }
    if (!current.svg) return;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    travelled += Math.abs(dx) + Math.abs(dy);
    if (travelled > CLICK && !stage.hasPointerCapture(event.pointerId)) {
      stage.setPointerCapture(event.pointerId);
      stage.classList.add("moving");
    }
    if (pointers.size === 1) {
      if (travelled > CLICK) pan(dx, dy);
    } else {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (each) => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY);
      zoom(
        apart(event) / Math.max(apart(before), 1),
        (event.clientX + other.clientX) / 2,
        (event.clientY + other.clientY) / 2,
      );
      pan(dx / 2, dy / 2);
    }
    pointers.set(event.pointerId, event);
  });
  const release = (event) => {
    pointers.delete(event.pointerId);
    stage.classList.remove("moving");
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("pointerleave", () => {
    mark("near", []);
    tip.hidden = true;
  });
  stage.addEventListener("click", (event) => {
    if (travelled > CLICK) return;
    const node = nodeAt(event.target);
    if (!node) choose([]);
    else if (node.opens !== undefined) enter(node.steps[0]);
    else choose(node.steps);
  });
  stage.addEventListener("dblclick", (event) => {
    const node = nodeAt(event.target);
    if (node && steps[node.steps[0]].block) enter(node.steps[0]);
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      tip.hidden = true;
      zoom(Math.exp(-clamp(event.deltaY, -120, 120) / 400), event.clientX, event.clientY);
    },
    { passive: false },
  );
  new ResizeObserver(() => {
    if (!current.svg || !current.box) return;
    const { width, height } = stage.getBoundingClientRect();
    if (width && height) setBox({ ...current.box, height: (current.box.width * height) / width });
  }).observe(stage);

  const table = byId("table");
  table.addEventListener("pointerover", (event) => {
    const row = event.target.closest("tbody tr");
    mark("near", row ? [Number(row.dataset.step)] : []);
  });
  table.addEventListener("pointerleave", () => mark("near", []));
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tbody tr");
    if (row) choose([Number(row.dataset.step)], { look: true });
  });
  table.addEventListener("dblclick", (event) => {
    const row = event.target.closest("tbody tr");
    if (row) enter(Number(row.dataset.step));
  });
  table.addEventListener("focusin", (event) => {
    const row = event.target.closest("tbody tr");
    mark("near", row ? [Number(row.dataset.step)] : []);
  });

  const text = byId("text");
  const meant = (event) => stepsAt.get(Number(event.target.closest("[data-piece]")?.dataset.piece)) ?? [];
  text.addEventListener("pointerover", (event) => {
    mark("near", meant(event));
    if (meant(event).length) keepInSight(shownRow(meant(event)[0]));
  });
  text.addEventListener("pointerleave", () => mark("near", []));
  text.addEventListener("click", (event) => {
    const steps = meant(event);
    if (steps.length && getSelection().isCollapsed) choose(steps.slice(0, 12), { look: true });
  });

  // --- keys -------------------------------------------------------------------------------------------------------

  /** The nearest step in a direction. */
  function neighbour(dx, dy) {
    const nodes = current.nodes.filter((node) => node.isNode);
    const now = nodes.find((node) => node.steps[0] === chosen[0]);
    if (!now) return dx + dy > 0 ? nodes[0] : nodes.at(-1);
    const middle = (node) => {
      const { x, y, width, height } = node.element.getBBox();
      return [x + width / 2, y + height / 2];
    };
    const [x, y] = middle(now);
    let best = null;
    let least = Infinity;
    for (const node of nodes) {
      const [u, v] = middle(node);
      const along = dx * (u - x) + dy * (v - y);
      const cost = along + 2 * Math.abs(dx * (v - y) + dy * (u - x));
      if (along > 1 && cost < least) [best, least] = [node, cost];
    }
    return best;
  }

  function moveInPicture([dx, dy]) {
    const node = neighbour(dx, dy);
    if (node) choose(node.steps, { look: true });
  }

  function moveInTable(event) {
    const row = document.activeElement.closest("tbody tr");
    const index = Number(row.dataset.step);
    if (event.key === "ArrowRight" && row.dataset.open) return fold(index, false);
    if (event.key === "ArrowLeft" && row.dataset.open) return fold(index, true);
    const shown = tableRows.filter((each) => !each.hidden);
    const next = shown[shown.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next && event.key !== "ArrowLeft" && event.key !== "ArrowRight") {
      next.querySelector(".name").focus();
      choose([Number(next.dataset.step)], { look: true });
    }
    return undefined;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    const active = document.activeElement;
    if (active === search || active === byId("color")) return;
    const row = active.closest("tbody tr");
    const inPicture = active === stage || active === document.body;
    const done = {
      "/": () => search.focus(),
      "?": () => byId("help").showModal(),
      "+": () => zoom(1.25),
      "=": () => zoom(1.25),
      "-": () => zoom(0.8),
      0: () => fit(true),
      d: () => changeDetail(1),
      D: () => changeDetail(-1),
      c: () => changeColor(1),
      C: () => changeColor(-1),
      f: large,
      t: theme,
      Escape: () => (search.value ? clearSearch() : back()),
    }[event.key];
    if (done) done();
    else if (event.key in DIRECTIONS && row) moveInTable(event);
    else if (event.key in DIRECTIONS && inPicture) moveInPicture(DIRECTIONS[event.key]);
    else if (event.key === "Enter" && row && active.classList.contains("name")) enter(Number(row.dataset.step));
    else if (event.key === "Enter" && inPicture && chosen.length) enter(chosen[0]);
    else return;
    event.preventDefault();
  });

  byId("in").addEventListener("click", () => zoom(1.25));
  byId("out").addEventListener("click", () => zoom(0.8));
  byId("whole").addEventListener("click", () => fit(true));
  byId("keys").addEventListener("click", () => byId("help").showModal());
  byId("theme").addEventListener("click", theme);
  byId("large").addEventListener("click", large);
  byId("color").addEventListener("change", () => setColor(byId("color").value));
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address says what is open
    table.focus();
  });
  TABS.forEach((word, place) => {
    const own = byId(`tab-${word}`);
    own.addEventListener("click", () => tab(word));
    own.addEventListener("keydown", ({ key }) => {
      if (key !== "ArrowLeft" && key !== "ArrowRight") return;
      tab(TABS[1 - place]);
      byId(`tab-${TABS[1 - place]}`).focus();
    });
  });

  /** Room for the picture and the arithmetic alone, or for the lists too. */
  function large() {
    const isLarge = main.classList.toggle("large");
    byId("large").setAttribute("aria-pressed", String(isLarge));
    fit(false);
    if (chosen.length && current.svg) reveal(chosen[0]);
  }

  // --- light and dark, paper, address -----------------------------------------------------------------------------

  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("archdsl-theme");
    } catch {
      return null; // a browser that keeps nothing for files
    }
  };
  const follow = () => {
    root.dataset.theme = kept() ?? (dark.matches ? "dark" : "light");
  };

  function theme() {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("archdsl-theme", root.dataset.theme);
    } catch {
      // then the choice lasts as long as the page
    }
  }

  follow();
  dark.addEventListener("change", follow);

  // on paper all of the picture stands on its page
  let onScreen = null;
  addEventListener("beforeprint", () => {
    if (!current.svg) return;
    onScreen = current.box;
    setBox(current.whole);
  });
  addEventListener("afterprint", () => onScreen && setBox(onScreen));

  /** The address says what is open and chosen, so that it can be passed on, and the browser's own keys go back. */
  function remember() {
    const { block } = views[current.view];
    const words = [block === NETWORK ? "" : steps[block].key, chosen.length ? steps[chosen[0]].key : ""];
    const place = words.some(Boolean) ? words.map(encodeURIComponent).join("/") : "";
    const looks = new URLSearchParams({ ...(wanted && { detail: wanted }), ...(color !== FIRST_COLOR && { color }) });
    const address = `#${place}${String(looks) && `?${looks}`}`;
    if (address === (location.hash || "#")) return;
    try {
      history.replaceState(null, "", address);
    } catch {
      // some browsers refuse that to a file; the page works without
    }
  }

  function recall() {
    const [place, looks] = location.hash.slice(1).split("?");
    const [block, step] = place.split("/").map(decoded);
    const said = new URLSearchParams(looks);
    wanted = DETAILS.find((each) => each === said.get("detail")) ?? null;
    color = COLORS.find((each) => each === said.get("color")) ?? FIRST_COLOR;
    const at = (key) => (key ? steps.findIndex((each) => each.key === key) : -1);
    const opened = at(block);
    show(viewOf(opened >= 0 && viewsOf.has(opened) ? opened : NETWORK));
    if (at(step) >= 0) choose([at(step)], { look: true, quiet: true });
    else choose([]);
  }

  function decoded(word) {
    try {
      return decodeURIComponent(word);
    } catch {
      return "";
    }
  }

  addEventListener("hashchange", recall);
  prepareRows();
  recall();
})();
