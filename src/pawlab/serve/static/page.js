// The page: pictures in, one request each, answers out. Nothing is loaded from elsewhere, nothing is kept.

const AT_ONCE = 3; // requests; the service takes turns between its clients anyway
const TRIES = 5; // where the service is busy
const BARS = 5;
const THUMBNAIL = 640; // pixels across
const TOKEN = "pawlab-token";

const page = Object.fromEntries(
  ["question", "host", "facts", "drop", "choose", "photograph", "results", "summary", "answers", "clear", "live", "card"]
    .map((id) => [id, document.getElementById(id)]),
);
const tokenForm = document.getElementById("token-form");

let model = null; // what GET model returns
let cards = []; // one a picture, as they came
let line = []; // those that wait for their turn
let underWay = 0;
let stopping = new AbortController(); // of all that "Clear all" stops
let news = []; // what screen readers haven't announced yet
let newsTimer = 0;

// ---- The service

async function ask(address, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${inBytes(token)}` }) };
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(address, { ...options, headers });
    if (answer.status !== 503 || attempt === TRIES) return answer;
    await pause(1000 * Math.min(20, Number(answer.headers.get("Retry-After")) || 1));
    options.signal?.throwIfAborted();
  }
}

const inBytes = (text) => String.fromCharCode(...new TextEncoder().encode(text)); // headers know no other letters

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function meetModel() {
  const answer = await ask("model");
  if (answer.status === 401) return askForToken();
  if (!answer.ok) throw new Error();
  model = await answer.json();
  tokenForm.hidden = true;
  page.drop.hidden = false;
  page.question.textContent = question(model.classes);
  document.title = `${page.question.textContent} · pawlab`;
  page.facts.textContent = facts(model);
  offerHeat();
}

function askForToken() {
  document.getElementById("token-note").textContent = sessionStorage.getItem(TOKEN) ? "That isn't the token." : "";
  sessionStorage.removeItem(TOKEN);
  tokenForm.hidden = false;
  page.drop.hidden = true;
  document.getElementById("token").focus();
}

function question(classes) {
  if (classes.length > 4) return `Which of ${classes.length} kinds?`;
  const names = classes.map((name) => name.replaceAll(/[_-]+/g, " "));
  const text = names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}?` : `${names[0]}?`;
  return text[0].toUpperCase() + text.slice(1);
}

function facts({ recipe, version, metrics }) {
  const test = metrics?.test;
  const score = test?.pictures
    ? `, right for ${percent(test.accuracy)} of ${test.pictures} test pictures it had never seen ` +
      `(95% interval ${percent(test.ci95[0])} to ${percent(test.ci95[1])})`
    : "";
  return `Recipe ${recipe}${score}. pawlab ${version}.`;
}

function percent(share) {
  if (share > 0.999 && share < 1) return ">99.9%";
  if (share < 0.001 && share > 0) return "<0.1%";
  return `${(100 * share).toFixed(1)}%`;
}

// ---- Pictures coming in

function add(files) {
  const added = [...files].map(newCard);
  if (!added.length) return;
  cards.push(...added);
  line.push(...added);
  page.results.hidden = false;
  page.answers.prepend(...added.map((card) => card.element));
  summarise();
  tell(added.length > 1 ? `Looking at ${added.length} pictures.` : `Looking at ${added[0].file.name}.`);
  workOff();
}

function newCard(file) {
  const element = page.card.content.firstElementChild.cloneNode(true);
  const part = (name) => element.querySelector(name);
  const card = { file, element, part, drawn: null, heated: null, label: null, outcome: null };
  part(".name").textContent = file.name;
  part(".again").addEventListener("click", () => tryAgain(card));
  part(".heat").addEventListener("click", () => toggleHeat(card));
  return card;
}

function tryAgain(card) {
  card.element.className = "card looking";
  card.outcome = null;
  card.part(".answer").textContent = "Looking …";
  card.part(".reason").hidden = true;
  card.part(".again").hidden = true;
  line.push(card);
  workOff();
}

function workOff() {
  while (underWay < AT_ONCE && line.length) {
    underWay++;
    const { signal } = stopping;
    answerFor(line.shift(), signal).finally(() => {
      if (signal.aborted) return; // counted anew since
      underWay--;
      workOff();
    });
  }
}

async function answerFor(card, signal) {
  await drawThumbnail(card);
  try {
    showAnswer(card, await predict(card.file, signal));
  } catch (error) {
    if (signal.aborted) return;
    showFailure(card, error instanceof Said ? error.message : "The service can't be reached.", true);
  }
  summarise();
}

class Said extends Error {} // by the service, in a sentence for people

async function predict(file, signal) {
  if (model && file.size > model.limits.file_bytes) {
    const limit = model.limits.file_bytes / 1e6;
    return { error: `the file has ${Math.ceil(file.size / 1e6)} MB, and ${limit} MB is the most that is taken` };
  }
  const form = new FormData();
  form.append("files", file, file.name);
  const answer = await ask("predict", { method: "POST", body: form, signal });
  if (answer.status === 401) askForToken();
  const said = await answer.json();
  if (said.predictions) return said.predictions[0];
  throw new Said(said.error);
}

// ---- Answers

function showAnswer(card, prediction) {
  if (prediction.error) return showFailure(card, sentence(prediction.error), false);
  card.label = prediction.label;
  card.outcome = prediction.sure ? prediction.label : "not sure";
  card.element.className = prediction.sure ? "card" : "card unsure";
  card.part(".answer").textContent = prediction.sure ? prediction.label : "Not sure";
  card.part(".reason").hidden = prediction.sure;
  card.part(".reason").textContent = prediction.sure ? "" : why(prediction);
  card.part(".bars").replaceChildren(...bars(Object.entries(prediction.probabilities)));
  offerHeat();
  const surely = prediction.sure ? prediction.label : `not sure, perhaps ${prediction.label}`;
  tell(`${card.file.name}: ${surely}, ${percent(prediction.probability)}.`);
}

function why({ label, reason }) {
  return `Perhaps ${label}: ${reason ?? "less surely than answers that can be relied on"}.`;
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1).replace(/\.?$/, ".");

function showFailure(card, reason, again) {
  card.outcome = "no answer";
  card.element.className = "card failed";
  card.part(".answer").textContent = "No answer";
  card.part(".reason").hidden = false;
  card.part(".reason").textContent = reason;
  card.part(".again").hidden = !again;
  tell(`${card.file.name}: no answer. ${reason}`);
}

function bars(ranked) {
  const rows = ranked.slice(0, BARS).map(([name, share]) => {
    const row = document.createElement("li");
    const bar = element("span", "bar");
    bar.setAttribute("aria-hidden", "true");
    bar.append(document.createElement("i"));
    bar.style.setProperty("--share", share);
    const named = element("span", "of", name);
    named.title = name;
    row.append(named, bar, element("span", "share", percent(share)));
    return row;
  });
  const more = ranked.length - BARS;
  return more > 0 ? [...rows, element("li", "more", `and ${more} more`)] : rows;
}

function element(kind, className, text = "") {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  return made;
}

async function drawThumbnail(card) {
  try {
    card.drawn = await createImageBitmap(card.file, { resizeWidth: THUMBNAIL, resizeQuality: "medium" });
    draw(card, card.drawn, `The picture ${card.file.name}`);
  } catch {
    // A browser shows fewer formats than the service reads; and what is damaged can't be shown.
  }
}

function draw(card, bitmap, description) {
  const canvas = card.part("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  canvas.hidden = false;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", description);
}

// Answers may come before it is known whether the model has heat maps.
function offerHeat() {
  for (const card of cards) card.part(".heat").hidden = !(card.label && model?.heat_maps);
}

async function toggleHeat(card) {
  const button = card.part(".heat");
  const on = button.getAttribute("aria-pressed") !== "true";
  if (on && !card.heated && !(await fetchHeat(card, button))) return;
  button.setAttribute("aria-pressed", String(on));
  if (on) drawHeat(card);
  else if (card.drawn) draw(card, card.drawn, `The picture ${card.file.name}`);
  else card.part("canvas").hidden = true;
}

async function fetchHeat(card, button) {
  button.disabled = true;
  button.textContent = "Looking again …";
  try {
    const address = `heatmap?label=${encodeURIComponent(card.label)}`;
    const headers = { "Content-Type": "application/octet-stream" };
    const answer = await ask(address, { method: "POST", body: card.file, headers, signal: stopping.signal });
    if (!answer.ok) throw new Said((await answer.json()).error);
    card.heated = await createImageBitmap(await answer.blob());
    tell(`Shown for ${card.file.name}: the brighter a place, the more it spoke for ${card.label}.`);
  } catch (error) {
    tell(error instanceof Said ? error.message : "The service can't be reached.");
  }
  button.disabled = false;
  button.textContent = "Where it looked";
  return card.heated !== null;
}

function drawHeat(card) {
  draw(card, card.heated, `The picture ${card.file.name}; the brighter a place, the more it spoke for ${card.label}`);
}

// ---- What is said of all of them

function summarise() {
  const counts = new Map();
  for (const { outcome } of cards) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const parts = [...counts].map(([outcome, count]) => `${outcome ?? "to go"} ${count}`);
  page.summary.textContent = `${cards.length} picture${cards.length === 1 ? "" : "s"}: ${parts.join(" · ")}`;
}

function tell(text) {
  news.push(text);
  clearTimeout(newsTimer);
  newsTimer = setTimeout(() => {
    page.live.textContent = news.length > 4 ? `${page.summary.textContent}. ${news.at(-1)}` : news.join(" ");
    news = [];
  }, 500);
}

function clearAll() {
  stopping.abort();
  stopping = new AbortController();
  cards = [];
  line = [];
  underWay = 0;
  page.answers.replaceChildren();
  page.results.hidden = true;
  tell("Cleared.");
  page.choose.focus();
}

// ---- Ways in

for (const input of [page.choose, page.photograph]) {
  input.addEventListener("change", () => {
    add(input.files);
    input.value = ""; // the same picture may be chosen again
  });
}

let depth = 0; // of elements that are dragged over
document.addEventListener("dragenter", () => document.body.classList.toggle("dragging", ++depth > 0));
document.addEventListener("dragleave", () => document.body.classList.toggle("dragging", --depth > 0));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dragging");
  if (event.dataTransfer.files.length) add(event.dataTransfer.files);
  else tell("What was dropped isn't a file.");
});
document.addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));
page.clear.addEventListener("click", clearAll);
tokenForm.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, document.getElementById("token").value);
  start();
});

function start() {
  meetModel().catch(() => {
    page.facts.textContent = "The service can't be reached. Is it still running?";
  });
}

page.host.textContent = location.host;
start();
