// A picture file -> upright RGB pixels of a classifier's size, step by step as pawlab's decoder makes them.
//
// Opaque PNG, GIF and BMP, and JPEG of less than twice the size, give the same pixels; half-transparent and turned pictures
// differ by one grey level at most. A larger JPEG is decoded small by pawlab; here blocks of the whole are averaged, which
// differs by a third of a grey level on average. Pictures of more than 8 bits are brought to 8 by the browser.

const PRECISION = 22; // bits behind the point of a weight, as in Pillow

/** Return Uint8Array (height * width * 3), RGB 0-255. `preprocess`: that of the model's card. */
export async function pixels(file, { height, width, resize_mode: mode = "squash" }) {
  let picture = await decoded(file);
  if (await isJpeg(file)) picture = reduced(picture, reduction(picture, height, width, mode));
  if (mode === "crop") return resized(picture, width, height, centralBox(picture, width, height)).data;
  if (mode === "pad") return padded(picture, width, height);
  return resized(picture, width, height).data;
}

/** Return { width, height, data } of a file, upright, RGB, on white, without regard to colour profiles. */
async function decoded(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return { width, height, data };
}

async function isJpeg(file) {
  const [first, second, third] = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  return first === 0xff && second === 0xd8 && third === 0xff;
}

/** Return by what a JPEG is decoded smaller: 1, 2, 4 or 8, so that it stays large enough. */
function reduction(picture, height, width, mode) {
  const longer = Math.max(height, width);
  const scale = mode === "pad" ? longer / Math.max(picture.width, picture.height) : 0;
  const enough = (side) => (scale ? Math.max(1, Math.trunc(side * scale)) : longer);
  const times = Math.min(...[picture.width, picture.height].map((side) => Math.floor(side / enough(side))));
  return [8, 4, 2].find((factor) => factor <= times) ?? 1;
}

function reduced(picture, factor) {
  if (factor === 1) return picture;
  const width = Math.ceil(picture.width / factor);
  const height = Math.ceil(picture.height / factor);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(blockMean(picture, x * factor, y * factor, factor), 3 * (y * width + x));
  }
  return { width, height, data };
}

function blockMean({ width, height, data }, left, top, factor) {
  const sums = [0, 0, 0];
  const right = Math.min(width, left + factor);
  const bottom = Math.min(height, top + factor);
  for (let y = top; y < bottom; y++) {
    for (let at = 3 * (y * width + left), end = 3 * (y * width + right); at < end; at += 3) {
      for (let channel = 0; channel < 3; channel++) sums[channel] += data[at + channel];
    }
  }
  const count = (right - left) * (bottom - top);
  return sums.map((sum) => Math.floor(sum / count + 0.5));
}

/** Return the part that keeps the wanted shape: [left, top, right, bottom], of pixels and their fractions. */
function centralBox(picture, width, height) {
  const scale = Math.min(picture.width / width, picture.height / height);
  const [wide, high] = [Math.min(picture.width, width * scale), Math.min(picture.height, height * scale)];
  const [left, top] = [(picture.width - wide) / 2, (picture.height - high) / 2];
  return [left, top, left + wide, top + high];
}

function padded(picture, width, height) {
  const scale = Math.min(width / picture.width, height / picture.height);
  const wide = Math.max(1, Math.min(width, roundedToEven(picture.width * scale)));
  const high = Math.max(1, Math.min(height, roundedToEven(picture.height * scale)));
  const inner = resized(picture, wide, high);
  const [left, top] = [Math.floor((width - wide) / 2), Math.floor((height - high) / 2)];
  const data = new Uint8Array(width * height * 3).fill(127);
  for (let y = 0; y < high; y++) {
    data.set(inner.data.subarray(3 * y * wide, 3 * (y + 1) * wide), 3 * ((y + top) * width + left));
  }
  return data;
}

function roundedToEven(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

/** Resize by Pillow's bilinear filter: a triangle over all pixels that fall into one; first rows, then columns. */
function resized(picture, width, height, [left, top, right, bottom] = [0, 0, picture.width, picture.height]) {
  const rows = along(picture.data, picture.height, 3 * picture.width, 3, weights(picture.width, left, right, width));
  const columns = along(rows, width, 3, 3 * width, weights(picture.height, top, bottom, height));
  return { width, height, data: columns };
}

/** Weigh pixels along one direction. `lines`: how many there are, `line` apart; `step`: between a line's pixels. */
function along(data, lines, line, step, all) {
  const isRow = step === 3;
  const out = new Uint8Array(lines * all.length * 3);
  for (let number = 0; number < lines; number++) {
    for (let place = 0; place < all.length; place++) {
      const { first, parts } = all[place];
      const to = 3 * (isRow ? number * all.length + place : place * lines + number);
      for (let channel = 0; channel < 3; channel++) {
        let sum = 1 << (PRECISION - 1);
        let from = number * line + first * step + channel;
        for (let part = 0; part < parts.length; part++, from += step) sum += data[from] * parts[part];
        out[to + channel] = Math.max(0, Math.min(255, sum >> PRECISION));
      }
    }
  }
  return out;
}

/** Return for each of `count` pixels made from those between `start` and `end` the first that counts and the weights. */
function weights(size, start, end, count) {
  const scale = Math.fround(Math.fround(end) - Math.fround(start)) / count; // Pillow's boxes have 24 bits
  const reach = Math.max(1, scale);
  return Array.from({ length: count }, (_, place) => {
    const centre = Math.fround(start) + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(size, Math.trunc(centre + reach + 0.5));
    const shares = Array.from({ length: last - first }, (_, part) =>
      Math.max(0, 1 - Math.abs((first + part - centre + 0.5) / reach)),
    );
    const total = shares.reduce((sum, share) => sum + share, 0);
    return { first, parts: Int32Array.from(shares, (share) => Math.trunc(0.5 + (share / total) * 2 ** PRECISION)) };
  });
}
