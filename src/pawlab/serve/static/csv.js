// Predictions as the CSV that `pawlab predict --format csv` writes, handed to the browser as a download.

const COLUMNS = ["picture", "label", "probability", "sure", "error", "reason"];
const LIKE_FORMULA = /^'*[=+\-@\t\r]/; // which a spreadsheet would compute
const NUMBER = /^[+-]?\d+(\.\d+)?$/;

/** Download the predictions, as the service returned them, each with the `picture` that it is of. */
export function download(predictions, name) {
  const lines = [COLUMNS, ...predictions.map(row)].map((values) => values.map(field).join(",") + "\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function row({ picture, label, probability, sure, error, reason }) {
  return [picture, label, probability?.toFixed(6), sure, error, reason];
}

function field(value) {
  const text = String(value ?? "");
  const safe = LIKE_FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
