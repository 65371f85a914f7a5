// What the phone shows: one screen at a time, drawn from `me`. Everything that comes from outside is set as text.

const $ = (selector) => document.querySelector(selector);
const $$ = (selector) => [...document.querySelectorAll(selector)];
const SETTLE = 350; // ms: the second half of a double tap must not judge the next comparison
const SAID = 6000; // ms

let language = kept("language");
if (!WORDS[language]) {
  const wished = (navigator.languages ?? [navigator.language]).flatMap((each) => [each, each.split("-")[0]]);
  language = wished.find((each) => WORDS[each]) ?? Object.keys(WORDS)[0];
}

const t = (key, values = {}) => (WORDS[language][key] ?? key).replace(/{(\w+)}/g, (_, name) => values[name] ?? "");

function h(tag, props, ...children) {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
}

let forgetting = 0;

function say(text, stays = false) {
  clearTimeout(forgetting);
  $("#note").textContent = text;
  $("#note").classList.toggle("firm", stays);
  if (text && !stays) forgetting = setTimeout(() => say(""), SAID);
}

function translate() {
  document.documentElement.lang = language;
  for (const each of $$("[data-t]")) each.textContent = t(each.dataset.t);
  for (const each of $$("[data-label]")) each.setAttribute("aria-label", t(each.dataset.label));
  $("#language").value = language;
}

// ---- which screen

function screen() {
  if (!me.token) return "join";
  if (!me.state) return "loading";
  if (!votes()) return { discussing: me.state.shown ? "discuss" : "locked" }[me.state.state] ?? me.state.state;
  if (me.comparison) return "judge";
  if (me.failures && waiting().length) return "kept";
  if (me.done) return "done";
  return drawn.screen === "judge" ? "judge" : "loading"; // the next one is on its way: no flicker
}

const WAITS = ["loading", "lobby", "locked", "kept", "done"];
const drawn = { screen: "", body: "", turn: 0 };

function draw() {
  const now = screen(), { state, comparison } = me;
  const panel = WAITS.includes(now) ? "wait" : now;
  for (const each of $$("[data-screen]")) each.hidden = each.dataset.screen !== panel;
  $("#round").textContent = (me.token && state?.round?.name) || "";
  drawProgress(now);
  drawNetwork();
  drawDock(now);
  $("footer").hidden = !me.token;
  const body = JSON.stringify([now, language, me.gone, me.left, me.room, me.judged && now === "done" ? me.judged : 0,
    comparison?.assignment_id, now === "judge" ? [state.round, me.turn] : [state?.shown, state?.result, state?.card]]);
  if (body === drawn.body || (now === "judge" && !comparison)) return;
  const moved = drawn.screen && (drawn.screen !== now || drawn.turn !== me.turn);
  Object.assign(drawn, { screen: now, body, turn: me.turn });
  if (now === "join") drawJoin();
  if (panel === "wait") drawWait(now);
  if (now === "judge") drawJudge(comparison);
  if (now === "discuss") drawDiscuss(state.shown);
  if (now === "revealed") drawRevealed(state);
  if (moved) arrive(panel);
}

function arrive(panel) {
  scrollTo(0, 0);
  const heading = $(`[data-screen="${panel}"] [tabindex="-1"]`);
  heading?.focus({ preventScroll: true });
}

function drawProgress(now) {
  const shown = now === "judge" || now === "kept" || now === "done";
  $("#progress").hidden = !shown || !(me.judged + me.remaining);
  $("#count").textContent = t("label.progress", me);
  $(".track i").style.width = `${(100 * me.judged) / Math.max(1, me.judged + me.remaining)}%`;
}

function drawNetwork() {
  const n = waiting().length, key = n === 0 ? "offline" : n === 1 ? "offline.one" : "offline.many";
  const text = me.token && me.failures ? t(key, { n }) : "";
  if ($("#network").textContent !== text) $("#network").textContent = text;
}

function drawDock(now) {
  const choice = now === "judge" && me.comparison && asked() ? me.draft.choice : undefined;
  const leaving = me.token && !$("#leaving").hidden;
  $("#leaving").hidden = !leaving;
  $("#choices").hidden = leaving || now !== "judge" || Boolean(choice);
  $("#sending").hidden = leaving || !choice;
  $("#details").hidden = !choice;
  if (choice) $("#change span").textContent = t("vote.choice." + choice);
  document.body.classList.toggle("sent", now === "judge" && !me.comparison);
  for (const each of $$('[data-do="undo"]')) {
    each.disabled = !undoable();
    if (each.closest("section")) each.hidden = !undoable() || (now !== "done" && now !== "kept");
  }
  settle();
}

function settle() { // the buttons wake up a moment after a comparison has come
  const left = me.comparison ? me.shownAt + SETTLE - clock() : 0;
  const asleep = !me.comparison || left > 0;
  for (const each of $$('#choices button:not([data-do="undo"])')) each.disabled = asleep;
  if (left > 0) setTimeout(settle, left + 5);
}

// ---- the screens

function farewell() { // the models that a vote has trained stay as they are: who leaves hears of them
  const key = me.trained === 1 ? "left.trained.one" : "left.trained.many";
  const names = me.runs.length ? ` (${me.runs.join(", ")})` : "";
  return t("left.text") + (me.trained ? " " + t(key, { n: me.trained, names }) : "");
}

function drawJoin() {
  const told = me.left ? farewell() : me.gone;
  $("#gone").hidden = !told;
  $("#gone").textContent = told;
  $("#gone").classList.toggle("trouble", !me.left);
  $("#join-title").textContent = t(me.left ? "left.title" : me.gone ? "gone.title" : "join.title");
  if (me.room) $("#room").value = me.room;
}

function drawWait(now) {
  const one = now === "done" && me.judged === 1;
  $("#wait-title").hidden = now === "loading";
  $("#wait-title").textContent = t(now + ".title");
  $("#wait-text").textContent = t(now === "loading" ? now : one ? "done.one" : now + ".text", { n: me.judged });
  $('[data-screen="wait"]').className = "centre " + now;
}

function messages(prompt, heading) {
  const name = h(heading, { className: "label", tabIndex: -1, textContent: t("label.prompt") });
  if (prompt.length === 1) return [name, h("p", { className: "asked text", dir: "auto", textContent: prompt[0].content })];
  const turns = prompt.map(({ role, content }) => h("div", { className: "turn " + role },
    h("p", { className: "label", textContent: t("role." + role) }),
    h("p", { className: "text", dir: "auto", textContent: content })));
  return [name, ...turns];
}

function replies(given, heading) {
  return ["left", "right"].map((side, index) => {
    const letter = "AB"[index], id = `${heading}-${letter}`;
    const title = h(heading, { id, className: "badge" }, h("span", { className: "unseen", textContent: t("reply", { side: "" }) }), letter);
    const card = h("article", { className: "reply" }, title, h("p", { className: "text", dir: "auto", textContent: given[side] }));
    card.setAttribute("aria-labelledby", id);
    return card;
  });
}

function drawJudge(comparison) {
  $("#prompt").replaceChildren(...messages(comparison.prompt, "h1"));
  $("#replies").replaceChildren(...replies(comparison, "h2"));
  const text = me.state.round?.guidelines ?? "", hint = $("#guidelines");
  hint.hidden = !text.trim();
  if (hint.dataset.text !== text) hint.lastElementChild.replaceChildren(...markdown(text));
  hint.dataset.text = text;
  $("#announce").textContent = t("announce", { text: t("label.progress", me) });
  drawDetails();
}

function drawDiscuss(shown) {
  $("#shown-prompt").replaceChildren(...messages(shown.prompt, "h1"));
  $("#shown-replies").replaceChildren(...replies(shown, "h2"));
}

const percent = (value) => Math.round(100 * value);
const share = (value) => new Intl.NumberFormat(language, { style: "percent" }).format(value);

function drawRevealed({ result, card }) {
  $("#winner").textContent = (result?.winner_line ?? "").replaceAll(" %", "\u00a0%");
  $("#rows").replaceChildren(...(result?.rows ?? []).map(({ name, value, low, high, n }) => {
    const sure = low !== null && high !== null, numbers = { value: share(value), low: percent(low), high: share(high), n };
    const fill = h("i", {}), whisker = h("b", { hidden: !sure }), track = h("div", { className: "track" }, fill, whisker);
    track.setAttribute("aria-hidden", "true");
    fill.style.width = `${100 * value}%`;
    Object.assign(whisker.style, { left: `${100 * low}%`, width: `${100 * (high - low)}%` });
    return h("div", { className: "row" }, h("h2", { textContent: name }), track,
      h("p", { className: "quiet", textContent: t(sure ? "row.n" : "row.few", numbers) }));
  }));
  const known = (value) => typeof value === "number", tiles = [];
  if (known(card?.agreement)) tiles.push([share(card.agreement), t("card.agreement"), ""]);
  if (known(card?.left_share)) {
    const room = known(card.room_left_share) ? t("card.room", { n: share(card.room_left_share) }) : "";
    tiles.push([share(card.left_share), t("card.left"), room]);
  }
  if (card) tiles.push([String(card.votes), t(card.votes === 1 ? "card.vote" : "card.votes"), ""]);
  $("#card").replaceChildren(...(card?.votes ? [h("h2", { textContent: t("card.title") }), h("ul", {}, ...tiles.map(
    ([number, words, more]) => h("li", {}, h("strong", { textContent: number }), " ", words,
      h("span", { className: "quiet", textContent: more }))))] : []));
}

// ---- hands

function choose(choice) {
  if (!me.comparison || clock() < me.shownAt + SETTLE) return;
  say("");
  if (!asked()) { judge("vote", choice); return; }
  filled({ choice });
  drawDock("judge");
  drawDetails();
  $("#details").scrollIntoView({ block: "nearest", behavior: "smooth" });
  $("#details").querySelector("input, textarea")?.focus({ preventScroll: true });
}

function act(what) {
  if (what === "undo") { undo(); return; }
  if (!me.comparison || clock() < me.shownAt + SETTLE) return;
  judge(what);
  say(t("said." + what));
}

for (const each of $$("[data-choice]")) each.onclick = () => choose(each.dataset.choice);
for (const each of $$("[data-do]")) each.onclick = () => act(each.dataset.do);
$("#language").onchange = (event) => {
  language = event.target.value;
  keep("language", language);
  translate();
  if (me.state?.state === "revealed") me.stateAt = NEVER; // its lines are worded by the server
  draw();
  sync();
};

$("#details").onsubmit = (event) => {
  event.preventDefault();
  if (me.comparison && me.draft.choice) judge("vote", me.draft.choice);
};
$("#change").onclick = () => { filled({ choice: undefined }); draw(); $("[data-choice]").focus(); };

$("#join").onsubmit = async (event) => {
  event.preventDefault();
  const room = $("#room").value.replace(/[\s-]/g, "").toUpperCase(), button = $("#join button");
  $("#wrong").textContent = room ? "" : t("join.empty");
  if (!room || button.disabled) { $("#room").focus(); return; }
  button.disabled = true;
  try { await join(room); } catch (problem) {
    $("#wrong").textContent = problem.message || t("failed");
    $("#room").focus();
  }
  button.disabled = false;
};

function leaving(open) {
  $("#leaving").hidden = !open;
  $("#leave").setAttribute("aria-expanded", open);
  draw();
  $(open ? "#leave-question" : "#leave").focus({ preventScroll: true });
}

$("#leave").onclick = () => leaving($("#leaving").hidden);
$("#stay").onclick = () => leaving(false);
$("#withdraw").onclick = async () => {
  try { await withdraw(); draw(); } catch (problem) { say(problem.message || t("failed"), true); }
};

const FIELDS = "input, textarea, select, [contenteditable], [role=dialog], [role=alertdialog], dialog";
const busy = (element) => Boolean(element?.closest?.(FIELDS)); // a key there means something else

document.addEventListener("keydown", (event) => {
  if (busy(event.target) || busy(document.activeElement) || !$("#leaving").hidden) return;
  if (event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const choice = { 1: "left", 2: "right", 0: "tie", 9: "both_bad" }[event.key];
  if (choice && screen() === "judge") choose(choice);
  if (event.key.toLowerCase() === "u") undo();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) pauseClock();
  else { me.since = clock(); poll(); }
});
for (const name of ["online", "focus", "pageshow"]) addEventListener(name, poll);
addEventListener("hashchange", () => { readLink(); draw(); });

translate();
readLink();
draw();
poll();
