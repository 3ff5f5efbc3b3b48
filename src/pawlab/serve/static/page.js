// The page: one request per picture. Nothing is loaded from elsewhere, nothing is kept.

import { download } from "./csv.js";
import { offerWebcam } from "./webcam.js";

const CONCURRENT = 3; // requests, so that one page doesn't fill the service's queue
const ATTEMPTS = 5; // while the service is busy
const BARS = 5;
const OPEN_CLASSES = 12; // more are listed on request
const THUMBNAIL = 640; // pixels across
const TOKEN = "pawlab-token";

const page = Object.fromEntries([...document.querySelectorAll("[id]")].map((part) => [part.id, part]));

let model = null; // what GET model returns
let work = begin(); // all that "Clear all" stops
let news = []; // not yet announced to screen readers
let newsTimer = 0;

function begin() {
  return { cards: [], queue: [], underWay: 0, abort: new AbortController() }; // `queue`: the cards that wait
}

// ---- The service

class ServiceError extends Error {} // with a sentence from the service

const told = (error) => (error instanceof ServiceError ? error.message : "The service can't be reached.");

async function send(address, options = {}) {
  const token = new TextEncoder().encode(sessionStorage.getItem(TOKEN) ?? ""); // headers hold bytes
  const headers = token.length ? { Authorization: `Bearer ${String.fromCharCode(...token)}` } : {};
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(address, { ...options, headers });
    if (response.status !== 503 || attempt === ATTEMPTS) return response;
    const seconds = Math.min(20, Number(response.headers.get("Retry-After")) || 1);
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    options.signal?.throwIfAborted();
  }
}

function post(address, file, signal) {
  const body = new FormData();
  body.append("files", file, file.name);
  return send(address, { method: "POST", body, signal });
}

async function start() {
  const response = await send("model").catch(() => null);
  if (response?.status === 401) return requestToken();
  if (!response?.ok) {
    page.facts.textContent = "The service can't be reached. Is it still running?";
    return;
  }
  model = await response.json();
  page["token-form"].hidden = true;
  page.drop.hidden = false;
  page.question.textContent = question(model.classes);
  document.title = `${page.question.textContent} · pawlab`;
  page.facts.textContent = facts(model);
  showClasses(model.classes);
  offerHeat();
}

function requestToken() {
  page["token-note"].textContent = sessionStorage.getItem(TOKEN) ? "Wrong token." : "";
  sessionStorage.removeItem(TOKEN);
  page["token-form"].hidden = false;
  page.drop.hidden = true;
  page.token.focus();
}

function question(classes) {
  if (classes.length > 4) return `Which of ${classes.length} kinds?`;
  const names = classes.map((name) => name.replaceAll(/[_-]+/g, " "));
  return capital(`${new Intl.ListFormat("en-GB", { type: "disjunction" }).format(names)}?`);
}

function showClasses(classes) {
  page["class-count"].textContent = `It knows ${classes.length} classes`;
  page.classes.textContent = classes.join(", ");
  page["class-list"].hidden = false;
  page["class-list"].open = classes.length <= OPEN_CLASSES;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

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
  work.cards.push(...added);
  page.results.hidden = false;
  page.predictions.prepend(...added.map((card) => card.element));
  announce(added.length > 1 ? `Predicting ${added.length} pictures.` : `Predicting ${added[0].file.name}.`);
  enqueue(added);
}

function newCard(file) {
  const element = page.card.content.firstElementChild.cloneNode(true);
  const card = { file, element, part: (name) => element.querySelector(name) };
  card.part(".name").textContent = file.name;
  card.part(".again").addEventListener("click", () => tryAgain(card));
  card.part(".heat").addEventListener("click", () => toggleHeat(card));
  return card;
}

function tryAgain(card) {
  const fresh = newCard(card.file);
  card.element.replaceWith(fresh.element);
  work.cards[work.cards.indexOf(card)] = fresh;
  enqueue([fresh]);
}

function enqueue(cards) {
  work.queue.push(...cards);
  summarise();
  for (let count = 0; count < CONCURRENT; count++) processQueue(work);
}

async function processQueue(work) {
  if (work.underWay === CONCURRENT) return;
  work.underWay++;
  while (work.queue.length) await process(work.queue.shift(), work.abort.signal);
  work.underWay--;
}

async function process(card, signal) {
  const bitmap = createImageBitmap(card.file, { resizeWidth: THUMBNAIL, resizeQuality: "medium" });
  card.drawn = await bitmap.catch(() => null); // of a format that the browser doesn't know, or damaged
  draw(card, card.drawn);
  try {
    showPrediction(card, await predict(card.file, signal));
  } catch (error) {
    if (signal.aborted) return;
    showFailure(card, told(error));
    card.part(".again").hidden = false;
  }
  summarise();
}

async function predict(file, signal) {
  const limit = model?.limits.file_bytes;
  if (file.size > limit) {
    return { error: `the file has ${Math.ceil(file.size / 1e6)} MB; the limit is ${limit / 1e6} MB` };
  }
  const response = await post("predict", file, signal);
  if (response.status === 401) requestToken();
  const { predictions, error } = await response.json();
  if (predictions) return predictions[0];
  throw new ServiceError(error);
}

// ---- Predictions

function showPrediction(card, prediction) {
  card.result = prediction;
  const { error, label, probability, sure, reason, probabilities } = prediction;
  if (error) return showFailure(card, capital(error).replace(/\.?$/, "."));
  card.label = label;
  if (sure) show(card, "", label);
  else show(card, "unsure", "Not sure", `Perhaps ${label}: ${reason}.`);
  showBars(card, Object.entries(probabilities));
  offerHeat();
  announce(`${card.file.name}: ${sure ? label : `not sure, perhaps ${label}`}, ${percent(probability)}.`);
}

function showFailure(card, reason) {
  card.result ??= { error: reason, sure: false };
  show(card, "failed", "No prediction", reason);
  announce(`${card.file.name}: no prediction. ${reason}`);
}

function show(card, state, prediction, reason = "") {
  card.outcome = state ? prediction.toLowerCase() : prediction;
  card.element.className = `card ${state}`;
  card.part(".prediction").textContent = prediction;
  card.part(".reason").textContent = reason;
}

function showBars(card, ranked) {
  for (const [name, share] of ranked.slice(0, BARS)) {
    const row = page.bar.content.firstElementChild.cloneNode(true);
    const [named, bar, number] = row.children;
    named.textContent = named.title = name;
    bar.style.setProperty("--share", share);
    number.textContent = percent(share);
    card.part(".bars").append(row);
  }
  if (ranked.length > BARS) card.part(".more").textContent = `and ${ranked.length - BARS} more`;
}

function draw(card, bitmap) {
  const canvas = card.part("canvas");
  canvas.hidden = !bitmap;
  if (!bitmap) return;
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const heat = bitmap === card.heated ? `; ${meaning(card)}` : "";
  canvas.setAttribute("aria-label", `The picture ${card.file.name}${heat}`);
}

const meaning = ({ label }) => `the brighter a region, the more it contributes to ${label}`;

// Predictions may come before it is known whether the model has heat maps.
function offerHeat() {
  for (const card of work.cards) card.part(".heat").hidden = !(card.label && model?.heat_maps);
}

async function toggleHeat(card) {
  const button = card.part(".heat");
  const on = button.getAttribute("aria-pressed") !== "true";
  if (on) card.heated ??= await fetchHeat(card, button);
  if (on && !card.heated) return;
  button.setAttribute("aria-pressed", on);
  draw(card, on ? card.heated : card.drawn);
}

async function fetchHeat(card, button) {
  button.disabled = true;
  button.textContent = "Drawing …";
  try {
    const address = `heatmap?label=${encodeURIComponent(card.label)}`;
    const response = await post(address, card.file, work.abort.signal);
    if (!response.ok) throw new ServiceError((await response.json()).error);
    const heated = await createImageBitmap(await response.blob());
    announce(`Heat map of ${card.file.name}: ${meaning(card)}.`);
    return heated;
  } catch (error) {
    announce(told(error));
  } finally {
    button.disabled = false;
    button.textContent = "Heat map";
  }
}

function savePredictions() {
  const done = work.cards.map(({ file, result }) => ({ ...result, picture: file.name }));
  download(done, "predictions.csv");
  announce(done.length > 1 ? `${done.length} predictions downloaded.` : "The prediction was downloaded.");
}

// ---- Summary and announcements

function summarise() {
  const counts = new Map();
  for (const { outcome = "waiting" } of work.cards) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const total = work.cards.length === 1 ? "1 picture" : `${work.cards.length} pictures`;
  page.save.disabled = counts.has("waiting");
  page.summary.textContent = `${total}: ${[...counts].map((pair) => pair.join(" ")).join(" · ")}`;
}

function announce(text) {
  news.push(text);
  clearTimeout(newsTimer);
  newsTimer = setTimeout(() => {
    page.live.textContent = news.length > 4 ? `${page.summary.textContent}. ${news.at(-1)}` : news.join(" ");
    news = [];
  }, 500);
}

// ---- Input

for (const input of [page.choose, page.photograph]) {
  input.addEventListener("change", () => {
    add(input.files);
    input.value = ""; // the same picture may be chosen again
  });
}

const { classList } = document.body;
let depth = 0; // of elements that are dragged over
document.addEventListener("dragenter", () => classList.toggle("dragging", ++depth > 0));
document.addEventListener("dragleave", () => classList.toggle("dragging", --depth > 0));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  classList.remove("dragging");
  if (event.dataTransfer.files.length) add(event.dataTransfer.files);
  else announce("That wasn't a file.");
});
document.addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));
page.clear.addEventListener("click", () => {
  work.abort.abort();
  work = begin();
  page.predictions.replaceChildren();
  page.results.hidden = true;
  announce("Cleared.");
  page.choose.focus();
});
page.save.addEventListener("click", savePredictions);
offerWebcam(page, (picture) => add([picture]));
page["token-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, page.token.value);
  start();
});

const given = new URLSearchParams(location.hash.slice(1)).get("token"); // as in the address that the service prints
if (given) {
  sessionStorage.setItem(TOKEN, given);
  history.replaceState(null, "", location.pathname);
}
page.host.textContent = location.host;
start();
