// The page: files in, one line for each out, one after the other.

const LACKING = "This page needs onnxruntime-web: run `npm install` in its folder, then load it again.";

const part = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)}%`;
let waiting = Promise.resolve();

async function show(classifier, file) {
  const row = part("row").content.firstElementChild.cloneNode(true);
  const within = (name) => row.querySelector(name);
  const address = URL.createObjectURL(file);
  within("img").src = address;
  within("img").onload = within("img").onerror = () => URL.revokeObjectURL(address);
  within(".name").textContent = file.name;
  try {
    const { label, probability, sure, reason } = await classifier.predict(file);
    row.dataset.label = label;
    row.dataset.sure = sure;
    within(".label").textContent = sure ? label : "Not sure";
    within(".share").textContent = sure ? percent(probability) : "";
    within(".reason").textContent = sure ? "" : `Perhaps ${label} (${percent(probability)}): ${reason}.`;
  } catch {
    within(".label").textContent = "No prediction";
    within(".reason").textContent = "The browser can't read this picture.";
  }
  part("predictions").append(row);
}

function add(classifier, files) {
  for (const file of files) waiting = waiting.then(() => show(classifier, file));
  waiting = waiting.then(() => {
    const count = part("predictions").children.length;
    part("state").textContent = count === 1 ? "1 picture predicted." : `${count} pictures predicted.`;
  });
}

try {
  const { load } = await import("./classifier.js").catch(() => Promise.reject(new Error(LACKING)));
  const classifier = await load("model.onnx");
  const { classes } = classifier.card;
  part("question").textContent = classes.length > 4 ? `Which of ${classes.length} classes?` : `${classes.join(" or ")}?`;
  part("state").textContent = "Ready.";
  part("choose").disabled = false;
  part("choose").addEventListener("change", (event) => add(classifier, event.target.files));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    add(classifier, event.dataTransfer.files);
  });
} catch (error) {
  part("state").textContent = error.message;
}
