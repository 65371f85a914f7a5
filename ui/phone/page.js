// The phone's side of voting: who it is, what waits to be sent, what the room is doing. Draws nothing (view.js does).
// A vote is kept in the phone before it is sent and leaves the phone once the server has answered for it.

const SOON = 800, POLL = 2500, LONGEST = 15000, TIMEOUT = 12000; // ms
const VOTING = ["voting", "voting_again"];
const NEVER = -Infinity; // a moment before all others
const clock = () => performance.now(); // ms that only ever grow: a phone's time of day may be set back
const TEMPORARY = (status) => status === 0 || status === 408 || status === 429 || status >= 500;

const memory = {}; // what localStorage would hold, where it is blocked

function keep(name, value) {
  memory[name] = value;
  try {
    if (value === null) localStorage.removeItem("afina." + name);
    else localStorage.setItem("afina." + name, JSON.stringify(value));
  } catch {
    try { localStorage.removeItem("afina." + name); } catch { /* blocked: memory has it */ }
  }
}

function kept(name) {
  try {
    const text = localStorage.getItem("afina." + name);
    if (text !== null) return JSON.parse(text);
  } catch { /* blocked, or not ours */ }
  return memory[name] ?? null;
}

const me = {
  token: kept("token"),
  room: "", // the code from the link
  gone: "", // why the token is no longer good, in the server's words
  left: false, // withdrawn just now
  trained: 0, // how many models had learned from the votes by then
  runs: [], // their names, unless a round hides them now
  state: null, // the last answer of /vote/state
  stateAt: NEVER,
  comparison: null, // the one on the screen, waiting for a judgement
  done: false, // the server had no more
  askedAt: NEVER,
  judged: 0,
  remaining: 0,
  last: kept("last"), // the last judgement, for undo: {id, comparison, where}
  draft: kept("draft"), // what is filled in so far: {id, choice, strength, ratings, rationale, edits, spent}
  shownAt: NEVER, // ms, when the comparison came
  since: 0, // ms, from when the time of the decision runs
  turn: 0, // grows with every judgement: an answer to an older turn is not shown
  failures: 0,
  hurry: false, // the server knows of something newer than our state
};

function newId() { // UUID v4; randomUUID wants a secure origin, a class has plain http
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

class Refused extends Error { // status 0: no answer at all
  constructor(status, text) { super(text); this.status = status; }
}

async function ask(path, body, token = me.token) {
  const stop = new AbortController(), timer = setTimeout(() => stop.abort(), TIMEOUT);
  const headers = { accept: "application/json" };
  if (token) headers.authorization = "Bearer " + token;
  if (body) headers["content-type"] = "application/json";
  const options = { headers, cache: "no-store", signal: stop.signal };
  if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  let response, answer;
  try {
    response = await fetch(`${location.pathname.replace(/\/$/, "")}/${path}?language=${language}`, options);
    answer = await response.json().catch(() => null);
  } catch {
    throw new Refused(0, "");
  } finally {
    clearTimeout(timer);
  }
  if (response.ok && answer) return answer;
  throw new Refused(response.ok ? 0 : response.status, answer?.error?.text ?? "");
}

// ---- what waits to be sent: [{token, tried, body}], read anew each time because another tab may share it

const queue = () => kept("queue") ?? [];
const waiting = () => queue().filter((item) => item.token === me.token);
const enqueue = (body) => keep("queue", [...queue(), { token: me.token, tried: false, body }]);

function unqueue(id, dependents = false) {
  const goes = (body) => body.annotation_id === id || (dependents && body.supersedes === id);
  keep("queue", queue().filter((item) => !goes(item.body)));
}

async function flush() { // returns what keeps the first one waiting, if the server still answers
  for (let item; (item = waiting()[0]); ) {
    const { body, token } = item, id = body.annotation_id, turn = me.turn;
    const last = waiting().length === 1 && votes() && !me.comparison && token === me.token;
    keep("queue", queue().map((each) => (each.body.annotation_id === id ? { ...each, tried: true } : each)));
    try {
      const answer = await ask(last ? "cast/next" : "cast", body, token);
      unqueue(id);
      if (last && answer.next) take(answer.next, token, turn);
    } catch (problem) {
      if (problem.status === 401 || problem.status === 0) throw problem;
      if (TEMPORARY(problem.status)) return problem;
      refused(body, problem);
    }
  }
  return null;
}

function refused(body, problem) {
  unqueue(body.annotation_id, true);
  say(problem.message || t("failed"), true);
  if (me.last?.id === body.annotation_id) setLast(null);
  if (me.comparison?.assignment_id === body.assignment_id) me.comparison = null; // it was to be judged again
  me.stateAt = NEVER;
}

// ---- following the room: one loop, never two at once

let syncing = false, again = false, timer = 0;

async function sync() {
  if (syncing) { again = true; return; }
  syncing = true;
  clearTimeout(timer);
  try {
    do {
      again = false;
      await step();
      draw();
    } while (again);
  } finally {
    syncing = false;
    schedule();
  }
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden || !(me.token || kept("past"))) return;
  const usual = me.state?.poll_ms ?? POLL;
  const pause = !me.token ? LONGEST : me.hurry ? SOON : Math.min(LONGEST, usual * 2 ** Math.min(me.failures, 4));
  me.hurry = false;
  timer = setTimeout(poll, pause * (0.8 + 0.4 * Math.random()));
}

function poll() { me.stateAt = NEVER; sync(); }

async function step() {
  const token = me.token;
  if (!token) { await comeBack().catch(() => {}); return; }
  try {
    const held = await flush();
    if (clock() - me.stateAt > (me.state?.poll_ms ?? POLL)) await look(token);
    if (held) throw held;
    if (me.token === token && wantsNext()) await next(token);
    me.failures = 0;
  } catch (problem) {
    if (me.token !== token) return;
    if (problem.status === 401) forget(problem.message || t("gone"));
    else if (problem.status === 409) Object.assign(me, { stateAt: NEVER, failures: 0, hurry: true }); // just closed
    else me.failures += 1;
  }
}

async function look(token) {
  const before = where(), answer = await ask("state", undefined, token);
  if (me.token !== token) return;
  const fresh = !me.state || answer.version !== me.state.version;
  me.state = answer;
  me.stateAt = clock();
  if (fresh || where() !== before) me.askedAt = NEVER;
  if (where() !== before) Object.assign(me, { comparison: null, done: false, turn: me.turn + 1 });
}

const votes = () => VOTING.includes(me.state?.state);
const where = () => (me.state ? `${me.state.round?.id} ${me.state.state}` : "");
const wantsNext = () => votes() && !me.comparison && !(me.done && clock() - me.askedAt < LONGEST);

async function next(token) {
  const turn = me.turn;
  take(await ask("next", undefined, token), token, turn);
}

function take(answer, token, turn) { // what is next, unless something was judged or undone meanwhile
  if (me.token !== token || turn !== me.turn || !votes()) return;
  me.askedAt = clock();
  me.done = Boolean(answer.done);
  if (me.done) { Object.assign(me, { remaining: 0, judged: answer.judged ?? me.judged }); return; }
  Object.assign(me, { judged: answer.judged, remaining: answer.remaining });
  show(answer);
}

function show(comparison) {
  me.comparison = comparison;
  me.shownAt = me.since = clock();
  if (me.draft?.id !== comparison.assignment_id) setDraft({ id: comparison.assignment_id, edits: {}, ratings: {} });
}

// ---- what a person does

const setLast = (last) => keep("last", (me.last = last)), setDraft = (draft) => keep("draft", (me.draft = draft));

function pauseClock() { // the time of a decision does not run while the phone sleeps
  if (!me.comparison) return;
  const now = clock();
  setDraft({ ...me.draft, spent: Math.round((me.draft.spent ?? 0) + now - me.since) });
  me.since = now;
}

function judge(action, winner) {
  const given = me.comparison;
  if (!given) return;
  pauseClock();
  const body = {
    annotation_id: newId(),
    comparison_id: given.comparison_id,
    assignment_id: given.assignment_id,
    action,
    decision_time_ms: Math.min(me.draft.spent, 86400000),
  };
  if (action === "vote") Object.assign(body, { winner }, extras(winner));
  enqueue(body);
  setLast({ id: body.annotation_id, comparison: given, draft: me.draft, where: where() });
  setDraft(null);
  Object.assign(me, { comparison: null, judged: me.judged + 1, remaining: Math.max(0, me.remaining - 1) });
  me.turn += 1;
  draw();
  sync();
}

function extras(winner) { // the optional fields, as far as the round asks and the person has filled them in
  const asks = me.state.round?.asks ?? {}, draft = me.draft, given = me.comparison, found = {};
  const side = winner === "left" || winner === "right" ? winner : null;
  if (asks.strength && side && draft.strength) found.strength = draft.strength;
  if (asks.ratings && Object.keys(draft.ratings).length) found.ratings = draft.ratings;
  if (asks.rationale && draft.rationale?.trim()) found.rationale = draft.rationale.trim();
  const edited = draft.edits[side ?? "own"];
  if (asks.edit && edited?.trim() && edited !== given[side]) {
    found.edited_completion = edited;
    if (side) found.edited_side = side;
  }
  return found;
}

const undoable = () => Boolean(me.last && votes() && me.last.where === where());

function undo() {
  if (!undoable()) return;
  const { id, comparison, draft } = me.last;
  const still = waiting().find((item) => item.body.annotation_id === id);
  if (still && !still.tried) unqueue(id);
  else { // it may have arrived, whether or not we heard so
    const { comparison_id, assignment_id } = comparison;
    enqueue({ annotation_id: newId(), comparison_id, assignment_id, action: "retract", supersedes: id });
  }
  setLast(null);
  Object.assign(me, { done: false, judged: Math.max(0, me.judged - 1), remaining: me.remaining + 1 });
  me.turn += 1;
  setDraft(draft);
  show(comparison);
  say(t("said.undo"));
  draw();
  sync();
}

async function comeBack() { // true where the pass that ended is good again: the teacher has let its person in
  const past = kept("past");
  if (me.token || !past) return false;
  try {
    await ask("state", undefined, past);
  } catch (problem) {
    if (TEMPORARY(problem.status)) throw problem;
    return false;
  }
  if (!me.token) enter(past);
  return true;
}

async function join(room) {
  if (await comeBack()) return; // a second number would judge everything a second time
  const { token } = await ask("join", { room, language }, null);
  enter(token);
}

function enter(token) {
  keep("token", token);
  keep("past", null);
  keep("queue", queue().filter((item) => item.token === token));
  Object.assign(me, { token, gone: "", left: false, state: null, stateAt: NEVER, comparison: null, done: false, failures: 0 });
  draw();
  poll();
}

function forget(reason) {
  if (reason) keep("past", me.token);
  say("");
  keep("token", null);
  Object.assign(me, { token: null, left: false, gone: reason, state: null, comparison: null, failures: 0 });
}

async function withdraw() {
  let answer = {};
  try {
    answer = await ask("withdraw", {});
  } catch (problem) {
    if (problem.status !== 401) throw problem; // not known: withdrawn already
  }
  forget("");
  keep("queue", null);
  setLast(null);
  setDraft(null);
  me.left = true;
  me.trained = answer?.trained || 0;
  me.runs = answer?.runs || [];
}

function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  if (!location.hash) return;
  history.replaceState(null, "", location.pathname + location.search);
  me.room = link.get("room") ?? "";
  if (me.room) me.gone = ""; // the code has just been scanned again
  const invite = link.get("invite");
  if (invite && invite !== me.token) enter(invite);
}
