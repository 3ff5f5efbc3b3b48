// model.onnx and its card -> a function that predicts one picture, in this browser.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";
import { pixels } from "./pixels.js";

ort.env.wasm.numThreads = 1; // more need headers by which the page is isolated from others

/** Return { card, predict }. `model`: the address of model.onnx; its card, model.onnx.json, lies beside it. */
export async function load(model) {
  const [file, card] = await Promise.all([fetched(model, "arrayBuffer"), fetched(`${model}.json`, "json")]);
  const { interpolation = "area" } = card.preprocess;
  if (interpolation !== "area") throw new Error(`This page averages pixels; the model wants ${interpolation} ones.`);
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  return { card, predict: (picture) => predict(session, card, picture) };
}

async function fetched(address, form) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} isn't there: see pawlab export --to web`);
  return response[form]();
}

/** Return { label, probability, probabilities, sure, reason } as pawlab does. */
async function predict(session, card, picture) {
  const { height, width } = card.preprocess;
  const tensor = new ort.Tensor("uint8", await pixels(picture, card.preprocess), [1, height, width, 3]);
  const { probabilities, ood_score: score } = await session.run({ pictures: tensor });
  const shares = [...probabilities.data];
  const probability = Math.max(...shares);
  const unlike = card.ood_threshold != null && score && score.data[0] > card.ood_threshold;
  const reason = unlike ? "unlike the training pictures" : probability < card.threshold ? "no class is likely enough" : null;
  return { label: card.classes[shares.indexOf(probability)], probability, probabilities: shares, sure: !reason, reason };
}
