// The page: one request per picture. Nothing is loaded from elsewhere, nothing is kept.

const CONCURRENT = 3; // requests, so that one page doesn't fill the service's queue
const ATTEMPTS = 5; // while the service is busy
const BARS = 5;
const THUMBNAIL = 640; // pixels across
const TOKEN = "pawlab-token";

const page = Object.fromEntries(
  ["question", "host", "facts", "drop", "choose", "photograph", "results", "summary", "predictions", "clear", "live", "card"]
    .map((id) => [id, document.getElementById(id)]),
);
const tokenForm = document.getElementById("token-form");

let model = null; // what GET model returns
let cards = []; // one per picture, in order of arrival
let queue = []; // the cards that wait
let underWay = 0;
let abort = new AbortController(); // of all that "Clear all" stops
let news = []; // not yet announced to screen readers
let newsTimer = 0;

// ---- The service

async function send(address, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${inBytes(token)}` }) };
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(address, { ...options, headers });
    if (response.status !== 503 || attempt === ATTEMPTS) return response;
    await pause(1000 * Math.min(20, Number(response.headers.get("Retry-After")) || 1));
    options.signal?.throwIfAborted();
  }
}

const inBytes = (text) => String.fromCharCode(...new TextEncoder().encode(text)); // headers hold bytes

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function loadModel() {
  const response = await send("model");
  if (response.status === 401) return requestToken();
  if (!response.ok) throw new Error();
  model = await response.json();
  tokenForm.hidden = true;
  page.drop.hidden = false;
  page.question.textContent = question(model.classes);
  document.title = `${page.question.textContent} · pawlab`;
  page.facts.textContent = facts(model);
  offerHeat();
}

function requestToken() {
  document.getElementById("token-note").textContent = sessionStorage.getItem(TOKEN) ? "Wrong token." : "";
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
    ? `, ${percent(test.accuracy)} correct on ${test.pictures} test pictures it had not seen in training ` +
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
  queue.push(...added);
  page.results.hidden = false;
  page.predictions.prepend(...added.map((card) => card.element));
  summarise();
  announce(added.length > 1 ? `Predicting ${added.length} pictures.` : `Predicting ${added[0].file.name}.`);
  processQueue();
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
  card.element.className = "card pending";
  card.outcome = null;
  card.part(".prediction").textContent = "Predicting …";
  card.part(".reason").hidden = true;
  card.part(".again").hidden = true;
  queue.push(card);
  processQueue();
}

function processQueue() {
  while (underWay < CONCURRENT && queue.length) {
    underWay++;
    const { signal } = abort;
    process(queue.shift(), signal).finally(() => {
      if (signal.aborted) return; // counted afresh
      underWay--;
      processQueue();
    });
  }
}

async function process(card, signal) {
  await drawThumbnail(card);
  try {
    showPrediction(card, await predict(card.file, signal));
  } catch (error) {
    if (signal.aborted) return;
    showFailure(card, error instanceof ServiceError ? error.message : "The service can't be reached.", true);
  }
  summarise();
}

class ServiceError extends Error {} // with a sentence from the service

async function predict(file, signal) {
  if (model && file.size > model.limits.file_bytes) {
    const limit = model.limits.file_bytes / 1e6;
    return { error: `the file has ${Math.ceil(file.size / 1e6)} MB; the limit is ${limit} MB` };
  }
  const form = new FormData();
  form.append("files", file, file.name);
  const response = await send("predict", { method: "POST", body: form, signal });
  if (response.status === 401) requestToken();
  const { predictions, error } = await response.json();
  if (predictions) return predictions[0];
  throw new ServiceError(error);
}

// ---- Predictions

function showPrediction(card, prediction) {
  if (prediction.error) return showFailure(card, sentence(prediction.error), false);
  card.label = prediction.label;
  card.outcome = prediction.sure ? prediction.label : "not sure";
  card.element.className = prediction.sure ? "card" : "card unsure";
  card.part(".prediction").textContent = prediction.sure ? prediction.label : "Not sure";
  card.part(".reason").hidden = prediction.sure;
  card.part(".reason").textContent = prediction.sure ? "" : why(prediction);
  card.part(".bars").replaceChildren(...bars(Object.entries(prediction.probabilities)));
  offerHeat();
  const outcome = prediction.sure ? prediction.label : `not sure, perhaps ${prediction.label}`;
  announce(`${card.file.name}: ${outcome}, ${percent(prediction.probability)}.`);
}

function why({ label, reason }) {
  return `Perhaps ${label}: ${reason ?? "the model isn't sure enough"}.`;
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1).replace(/\.?$/, ".");

function showFailure(card, reason, again) {
  card.outcome = "no prediction";
  card.element.className = "card failed";
  card.part(".prediction").textContent = "No prediction";
  card.part(".reason").hidden = false;
  card.part(".reason").textContent = reason;
  card.part(".again").hidden = !again;
  announce(`${card.file.name}: no prediction. ${reason}`);
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

// Predictions may come before it is known whether the model has heat maps.
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
  button.textContent = "Drawing …";
  try {
    const address = `heatmap?label=${encodeURIComponent(card.label)}`;
    const headers = { "Content-Type": "application/octet-stream" };
    const response = await send(address, { method: "POST", body: card.file, headers, signal: abort.signal });
    if (!response.ok) throw new ServiceError((await response.json()).error);
    card.heated = await createImageBitmap(await response.blob());
    announce(`Heat map of ${card.file.name}: the brighter a region, the more it contributes to ${card.label}.`);
  } catch (error) {
    announce(error instanceof ServiceError ? error.message : "The service can't be reached.");
  }
  button.disabled = false;
  button.textContent = "Heat map";
  return card.heated !== null;
}

function drawHeat(card) {
  draw(card, card.heated, `The picture ${card.file.name}; the brighter a region, the more it contributes to ${card.label}`);
}

// ---- Summary and announcements

function summarise() {
  const counts = new Map();
  for (const { outcome } of cards) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const parts = [...counts].map(([outcome, count]) => `${outcome ?? "waiting"} ${count}`);
  page.summary.textContent = `${cards.length} picture${cards.length === 1 ? "" : "s"}: ${parts.join(" · ")}`;
}

function announce(text) {
  news.push(text);
  clearTimeout(newsTimer);
  newsTimer = setTimeout(() => {
    page.live.textContent = news.length > 4 ? `${page.summary.textContent}. ${news.at(-1)}` : news.join(" ");
    news = [];
  }, 500);
}

function clearAll() {
  abort.abort();
  abort = new AbortController();
  cards = [];
  queue = [];
  underWay = 0;
  page.predictions.replaceChildren();
  page.results.hidden = true;
  announce("Cleared.");
  page.choose.focus();
}

// ---- Input

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
  else announce("That wasn't a file.");
});
document.addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));
page.clear.addEventListener("click", clearAll);
tokenForm.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, document.getElementById("token").value);
  start();
});

function start() {
  loadModel().catch(() => {
    page.facts.textContent = "The service can't be reached. Is it still running?";
  });
}

page.host.textContent = location.host;
start();
