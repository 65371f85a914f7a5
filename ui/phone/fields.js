// What a round may ask for besides the choice, and the guidelines. Filled in at leisure, kept in `me.draft`.

const asked = () => Object.values(me.state?.round?.asks ?? {}).some(Boolean);

function filled(change) {
  setDraft({ ...me.draft, ...change });
}

function steps(name, legend, options, value, pick) {
  const labels = options.map(([number, text]) => {
    const input = h("input", { type: "radio", name, value: number, checked: number === value, onchange: () => pick(number) });
    return h("label", {}, input, h("span", { textContent: text }));
  });
  return h("fieldset", { className: "steps" }, legend, ...labels);
}

function area(label, value, type, rows) {
  return h("label", { className: "area" }, label, h("textarea", { value, rows, maxLength: 20000, oninput: (event) => type(event.target.value) }));
}

function drawDetails() {
  const form = $("#details"), { choice } = me.draft ?? {}, { asks = {}, criteria = [] } = me.state.round ?? {};
  form.replaceChildren();
  if (!choice) return;
  const side = choice === "left" || choice === "right" ? choice : null;
  if (asks.strength && side) {
    const options = [1, 2, 3].map((number) => [number, t("label.strength_" + number)]);
    form.append(steps("strength", h("legend", { textContent: t("label.strength") }), options, me.draft.strength, (strength) => filled({ strength })));
  }
  if (asks.ratings && criteria.length) form.append(ratings(criteria));
  if (asks.rationale) form.append(area(t("label.rationale"), me.draft.rationale ?? "", (rationale) => filled({ rationale }), 2));
  if (asks.edit) {
    const key = side ?? "own", value = me.draft.edits[key] ?? me.comparison[side] ?? "";
    const label = side ? t("edit.reply", { side: side === "left" ? "A" : "B" }) : t("edit.own");
    form.append(area(label, value, (text) => filled({ edits: { ...me.draft.edits, [key]: text } }), 4));
  }
}

function ratings(criteria) {
  const box = h("div", { className: "ratings" }, h("h2", { textContent: t("ratings") }), h("p", { className: "quiet", textContent: t("ratings.scale") }));
  for (const [index, criterion] of criteria.entries()) {
    const known = t("label.criterion." + criterion), name = known.startsWith("label.criterion.") ? criterion : known;
    box.append(h("h3", { textContent: name }));
    for (const [side, letter] of [["left", "A"], ["right", "B"]]) {
      const legend = h("legend", {}, h("span", { className: "unseen", textContent: name + ", " + t("reply", { side: "" }) }), letter);
      const options = [1, 2, 3, 4, 5].map((number) => [number, String(number)]);
      const pick = (number) => {
        const all = me.draft.ratings;
        filled({ ratings: { ...all, [side]: { ...all[side], [criterion]: number } } });
      };
      box.append(steps(`${side}-${index}`, legend, options, me.draft.ratings[side]?.[criterion], pick));
    }
  }
  return box;
}

function markdown(text) { // headings, lists, paragraphs, bold, emphasis, code; nothing else, and never HTML
  const blocks = [];
  let list = null;
  for (const line of text.split(/\r?\n/)) {
    const [, hashes, title] = line.match(/^(#{1,6})\s+(.*)/) ?? [];
    const [, number, item] = line.match(/^\s*(?:[-*+]|(\d+)[.)])\s+(.*)/) ?? [];
    if (item === undefined) list = null;
    if (hashes) blocks.push(h("h3", {}, ...spans(title)));
    else if (item !== undefined) {
      if (!list) blocks.push((list = h(number ? "ol" : "ul", {})));
      list.append(h("li", {}, ...spans(item)));
    } else if (line.trim()) blocks.push(h("p", {}, ...spans(line)));
  }
  return blocks;
}

function spans(text) {
  const tags = { "**": "strong", "*": "em", "_": "em", "`": "code" };
  return text.split(/(\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\b_[^_]+_\b|`[^`]+`)/).map((part) => {
    const [, mark, inner] = part.match(/^(\*\*|\*|_|`)([^]+)\1$/) ?? [];
    return mark ? h(tags[mark], { textContent: inner }) : part;
  });
}
