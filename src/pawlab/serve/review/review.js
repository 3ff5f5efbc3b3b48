// One picture after the other: a key decides and the next one is there. Decisions are sent one by one, in order; nothing
// is loaded from elsewhere. What only this page knows, its own last decisions, stands in the browser's session.

const AHEAD = 4; // questions fetched at once: no other page gets them meanwhile
const FEWEST = 2; // left, below which more are fetched
const POLL = 1500; // milliseconds
const REMEMBERED = 200; // decisions that can be undone

const page = Object.fromEntries([...document.querySelectorAll("[id]")].map((part) => [part.id, part]));
const tab = (sessionStorage.tab ??= String(Math.random()).slice(2));
const past = JSON.parse(sessionStorage.past ?? "[]"); // questions that were decided here, the latest last
const decided = new Set(); // their ids, as the service may not know yet

let state = null;
let kind = null; // the only one to look at
let current = null;
let queue = [];
let version = -1; // of the order that `queue` is in
let sending = Promise.resolve(); // the last decision on its way
let unsent = 0;
let fetching = null;

// ---- The service

async function ask(address, body) {
  const options = body && { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await fetch(address, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

const told = (error) => (error instanceof TypeError ? "pawlab can't be reached. Is it still running?" : error.message);

/** Send one thing after the other; what fails is said, and `back` takes it back. */
function send(address, body, back = () => {}) {
  unsent++;
  sending = sending.then(async () => {
    try {
      show(await ask(address, body));
      page.problem.textContent = "";
    } catch (error) {
      page.problem.textContent = told(error);
      back();
    } finally {
      unsent--;
    }
  });
  return sending;
}

async function refill() {
  fetching ??= (async () => {
    const only = kind ? `&kind=${encodeURIComponent(kind)}` : "";
    const order = state?.version ?? -1;
    const found = await ask(`questions?tab=${tab}&count=${AHEAD}${only}`);
    queue = found.filter(({ id }) => id !== current?.id && !decided.has(id));
    version = order;
    for (const { id, kind } of queue) if (kind !== "unreadable") new Image().src = `pictures/${id}`;
  })();
  try {
    await fetching;
  } catch (error) {
    page.problem.textContent = told(error);
  } finally {
    fetching = null;
  }
}

// ---- Decisions

function decide(choice, label = "") {
  if (!current) return;
  const question = current;
  past.push(question);
  past.splice(0, past.length - REMEMBERED);
  sessionStorage.past = JSON.stringify(past);
  decided.add(question.id);
  current = null;
  announce(`${question.name}: ${choice === "label" ? label : choice === "keep" ? "kept" : "excluded"}.`);
  send("decisions", { picture: question.id, choice, label }, () => {
    decided.delete(question.id);
    const place = past.findIndex(({ id }) => id === question.id);
    if (place >= 0) past.splice(place, 1);
    queue.unshift(question);
  });
  next();
}

const use = (label) => (label === current?.label ? decide("keep") : decide("label", label));

function keep() {
  if (page.keep.disabled) return;
  if (state.mode === "review") decide("keep");
  else accept();
}

function accept() {
  if (current?.suggested) use(current.suggested);
}

async function undo() {
  const question = past.pop();
  if (!question) return announce("There is nothing to undo.");
  sessionStorage.past = JSON.stringify(past);
  if (current) queue.unshift(current);
  current = question;
  draw();
  announce(`Undone: ${question.name}.`);
  await send("undo", { picture: question.id });
  decided.delete(question.id);
}

async function next() {
  if (!queue.length) {
    await sending; // else the service would give the same again
    await refill();
  }
  current ??= queue.shift() ?? null;
  draw();
  if (queue.length < FEWEST) refill();
}

async function addClass(event) {
  event.preventDefault();
  const name = page["class-name"].value.trim().replaceAll(/\s+/g, " ");
  if (!name) return;
  page["class-name"].value = "";
  if (!state.classes.includes(name)) await send("classes", { name });
  if (state.classes.includes(name)) use(name);
  page.stage.focus();
}

// ---- What is shown

function draw() {
  const question = current;
  page.nothing.hidden = Boolean(question);
  page.actions.hidden = page["class-form"].hidden = !question && !past.length;
  page.reason.textContent = question ? sentence(question) : "";
  page.note.textContent = question?.test ? "A test picture: a changed label is counted, the test score stays." : "";
  page.choices.replaceChildren(...(question ? question.choices.map((name, place) => choice(question, name, place)) : []));
  const readable = question && question.kind !== "unreadable";
  page.picture.hidden = !readable;
  page.beside.hidden = !question?.other;
  page.heat.hidden = !readable;
  page.exclude.hidden = page.keep.hidden = !question;
  page["class-form"].hidden = !readable;
  page.undo.disabled = !past.length;
  press(page.heat, false);
  page.name.textContent = question?.name ?? "";
  if (!question) return drawNothing();
  if (readable) {
    page.picture.src = `pictures/${question.id}`;
    page.picture.alt = `The picture ${question.name}`;
  }
  if (question.other) {
    page.other.src = `pictures/${question.other}`;
    page.other.alt = `The picture ${question.other_name}`;
    page["other-name"].textContent = question.other_name;
  }
  page["keep-text"].textContent = state.mode === "review" ? "Keep as it is" : "Take the suggestion";
  const canKeep = state.mode === "review" ? question.label || !readable : question.suggested; // not two labels
  page.keep.disabled = !canKeep;
  announce(`${question.name}. ${page.reason.textContent}`);
}

function drawNothing() {
  const all = "There is nothing left to look at here.";
  page.nothing.textContent = state.mode === "review" ? `${all} Fit anew to see what the decisions change.` : `${all} Finish to have the table and the classifier.`;
  announce(page.nothing.textContent);
}

function sentence({ kind, reason, suggested, probability, name }) {
  if (kind === "unreadable") return `${name}: ${reason}`;
  if (reason) return reason[0].toUpperCase() + reason.slice(1);
  return suggested ? `${suggested}? ${percent(probability)}` : "What is it?";
}

function choice(question, name, place) {
  const item = page.choice.content.firstElementChild.cloneNode(true);
  const button = item.firstElementChild;
  const [key, of, share] = button.children;
  key.textContent = place + 1;
  of.textContent = name;
  button.classList.toggle("suggested", name === question.suggested);
  const notes = [];
  if (name === question.label) notes.push("its label");
  if (name === question.suggested) notes.push(percent(question.probability));
  share.textContent = notes.join(", ");
  button.addEventListener("click", () => use(name));
  return item;
}

function percent(share) {
  if (share > 0.999 && share < 1) return ">99.9%";
  return `${(100 * share).toFixed(1)}%`;
}

function press(button, on) {
  button.setAttribute("aria-pressed", on);
}

async function toggleHeat() {
  if (!current || page.heat.hidden) return;
  const on = page.heat.getAttribute("aria-pressed") !== "true";
  press(page.heat, on);
  const { id, suggested, name } = current;
  page.picture.src = on ? `heatmaps/${id}?label=${encodeURIComponent(suggested ?? "")}` : `pictures/${id}`;
  page.picture.alt = `The picture ${name}`;
  if (on) page.picture.alt += suggested ? `; the brighter a region, the more it contributes to ${suggested}` : "";
}

page.picture.addEventListener("error", () => {
  if (page.heat.getAttribute("aria-pressed") !== "true") {
    page.problem.textContent = "The picture can't be shown.";
    return;
  }
  press(page.heat, false);
  page.picture.src = `pictures/${current.id}`;
  page.problem.textContent = "No heat map can be drawn yet: it takes answers of two classes.";
});

function show(now) {
  state = now;
  const review = state.mode === "review";
  page.title.textContent = review ? "Review" : "Label";
  document.title = `${page.title.textContent} ${state.name} · pawlab`;
  page.file.textContent = state.labels;
  page.keys.textContent = review
    ? "Keys: 1 to 9 a class, Enter the suggestion, Space keep, x exclude, z undo, h heat map, c another class, r fit anew."
    : "Keys: 1 to 9 a class, Space or Enter the suggestion, x exclude, z undo, h heat map, c another class.";
  page["class-list"].replaceChildren(...state.classes.map((name) => new Option(name)));
  if (review) showReview();
  else showLabelling();
}

function showReview() {
  const kinds = Object.entries(state.kinds);
  const [done, total] = ["done", "total"].map((what) => kinds.reduce((sum, [, count]) => sum + count[what], 0));
  page.progress.textContent = `${state.name}: ${done} of ${total} looked at`;
  const tabs = [["all", { done, total }], ...kinds].map(([name, count]) => kindButton(name, count));
  if (!page.kinds.contains(document.activeElement)) page.kinds.replaceChildren(...tabs);
  const { before, now } = state.score;
  page["score-heading"].textContent = "Accuracy, out of fold";
  page.score.textContent = before === null ? "–" : now === before ? percent(now) : `${percent(before)} → ${percent(now)}`;
  const counts = [`${state.changed} changed, ${state.excluded} excluded`];
  if (state.test_accuracy !== null) counts.push(`test score ${percent(state.test_accuracy)}, left alone`);
  if (state.test_changed) counts.push(`test pictures judged otherwise: ${state.test_changed}`);
  page.counts.textContent = `${counts.join("; ")}.`;
  page.work.textContent = state.busy ? "Fitting …" : "Fit anew (r)";
  page.work.disabled = state.busy;
  page.outcome.textContent = state.error ?? "";
}

function kindButton(name, { done, total }) {
  const button = page.kind.content.firstElementChild.cloneNode(true);
  button.textContent = `${name} ${done}/${total}`;
  press(button, name === (kind ?? "all"));
  button.addEventListener("click", () => choose(name === "all" ? null : name));
  return button;
}

async function choose(name) {
  kind = name;
  queue = [];
  current = null;
  page.stage.focus();
  show(state);
  await next();
}

function showLabelling() {
  const { answers, excluded, pictures, history, finish, skipped } = state;
  page.progress.textContent = `${state.name}: ${answers} answers, ${pictures - answers - excluded} pictures left`;
  page["score-heading"].textContent = "Estimated accuracy on the rest";
  const last = history.at(-1)?.[1];
  page.score.textContent = last === undefined ? "after 6 answers" : `about ${Math.round(100 * last)}%`;
  page.counts.textContent = skipped ? `${skipped} files can't be read and are skipped.` : "";
  drawCurve(history);
  page.work.textContent = finish.busy ? "Finishing …" : "Finish";
  page.work.disabled = finish.busy || !answers;
  const files = Object.entries(finish.files ?? {}).map(([what, where]) => `${what}: ${where}`);
  page.outcome.textContent = finish.busy ? "" : [...files, finish.error ?? ""].filter(Boolean).join(" · ");
}

function drawCurve(history) {
  page.curve.toggleAttribute("hidden", history.length < 2); // an SVG has no property of that name
  if (history.length < 2) return;
  const [first, last] = [history[0][0], history.at(-1)[0]];
  const points = history.map(([count, share]) => [(300 * (count - first)) / Math.max(1, last - first), 99 - 95 * share]);
  page.curve.querySelector(".line").setAttribute("points", points.map((pair) => pair.join(",")).join(" "));
  const [from, to] = [history[0][1], history.at(-1)[1]].map(percent);
  page.curve.setAttribute("aria-label", `Estimated accuracy from ${from} after ${first} answers to ${to} after ${last}`);
}

let newsTimer = 0;
function announce(text) {
  clearTimeout(newsTimer);
  newsTimer = setTimeout(() => (page.live.textContent = text), 300);
}

// ---- Input

const work = () => send(state.mode === "review" ? "refit" : "finish", {});
const KEYS = {
  " ": keep, Enter: accept, x: () => decide("exclude"), z: undo, h: toggleHeat,
  c: () => page["class-name"].focus(), r: () => state.mode === "review" && !state.busy && work(),
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (!state || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (target instanceof HTMLInputElement) {
    if (key === "Escape") page.stage.focus();
    return;
  }
  if (target instanceof HTMLButtonElement && (key === " " || key === "Enter")) return; // the button's own
  const name = /^[1-9]$/.test(key) ? current?.choices[key - 1] : null;
  const act = name ? () => use(name) : KEYS[key.length === 1 ? key.toLowerCase() : key];
  if (!act) return;
  event.preventDefault();
  act();
});

/** Buttons do what keys do, and give the keys back. */
function onClick(button, act) {
  button.addEventListener("click", () => {
    act();
    page.stage.focus({ preventScroll: true });
  });
}
onClick(page.keep, keep);
onClick(page.exclude, () => decide("exclude"));
onClick(page.undo, undo);
onClick(page.heat, toggleHeat);
onClick(page.work, work);
page.choices.addEventListener("click", () => page.stage.focus({ preventScroll: true }));
page["class-form"].addEventListener("submit", addClass);
addEventListener("beforeunload", (event) => unsent && event.preventDefault());

async function poll() {
  try {
    if (!unsent) show(await ask("state"));
    if ((version !== state.version || !current) && !unsent) {
      await refill();
      if (!current && queue.length) await next();
    }
  } catch (error) {
    page.problem.textContent = told(error);
  }
  setTimeout(poll, POLL);
}

try {
  show(await ask("state"));
  await next();
} catch (error) {
  page.problem.textContent = told(error);
}
setTimeout(poll, POLL);
