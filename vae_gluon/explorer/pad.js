// The pad: drawings, or pictures instead. Both are encoded at once.

const pad = byId("pad");
const PEN = (0.85 * Math.min(WIDTH, HEIGHT)) / 28; // standard deviation of its tip, in pixels
const MARGIN = 4 / 28; // around MNIST's digits
let ink = new Float32Array(WIDTH * HEIGHT); // as drawn
let image = ink; // as encoded
let last = null; // the end of the stroke

/** Put the pen down at a point of the image. */
function dab(x, y) {
  for (let row = 0; row < HEIGHT; row++) {
    for (let column = 0; column < WIDTH; column++) {
      const distance = (column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2;
      const dark = Math.min(1, 1.4 * Math.exp(-distance / (2 * PEN ** 2)));
      const i = row * WIDTH + column;
      if (dark > 0.02) ink[i] = Math.max(ink[i], dark);
    }
  }
}

/** Extend the stroke to an event's position. */
function draw(event) {
  const [u, v] = placeOn(pad, event);
  const [x, y] = [u * WIDTH, v * HEIGHT];
  const [fromX, fromY] = last || [x, y];
  const n = Math.max(1, Math.ceil(2 * Math.hypot(x - fromX, y - fromY)));
  for (let i = 1; i <= n; i++) dab(fromX + ((x - fromX) * i) / n, fromY + ((y - fromY) * i) / n);
  last = [x, y];
  recode(centred(ink));
}

/** Return an image with its centre of mass in the middle, like MNIST's digits. */
function centred(pixels) {
  let [mass, x, y] = [0, 0, 0];
  pixels.forEach((v, i) => {
    mass += v;
    x += v * ((i % WIDTH) + 0.5);
    y += v * (Math.floor(i / WIDTH) + 0.5);
  });
  const moved = new Float32Array(WIDTH * HEIGHT);
  if (mass === 0) return moved;
  const right = Math.round(WIDTH / 2 - x / mass);
  const down = Math.round(HEIGHT / 2 - y / mass);
  pixels.forEach((v, i) => {
    const column = (i % WIDTH) + right;
    const row = Math.floor(i / WIDTH) + down;
    if (column >= 0 && column < WIDTH && row >= 0 && row < HEIGHT) moved[row * WIDTH + column] = v;
  });
  return moved;
}

/** Encode an image as the drawing; show its code and its reconstruction. */
function recode(pixels) {
  image = pixels;
  state.drawn = encode(image);
  showPad();
  redraw();
}

function showPad() {
  showImage(pad, ink);
  showImage(byId("back"), state.drawn ? decode(state.drawn) : ink);
  byId("code").textContent = state.drawn
    ? phrase("code: {z}", { z: written(state.drawn) })
    : phrase("Or drop or paste a picture. The square on the plane marks its code.");
}

function clearPad() {
  ink = image = new Float32Array(WIDTH * HEIGHT);
  state.drawn = null;
  showPad();
  redraw();
}

pad.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary) return; // a second finger
  pad.setPointerCapture(event.pointerId);
  last = null;
  draw(event);
});

pad.addEventListener("pointermove", (event) => {
  if (event.isPrimary && pad.hasPointerCapture(event.pointerId)) draw(event);
});

byId("clear").addEventListener("click", clearPad);

// Pictures: chosen, dropped or pasted. The ink is what differs from the background, dark or light.

/** Return a picture's ink, from 0 to 1, at a width and height. */
function inkOf(picture, width, height) {
  const canvas = newCanvas(width, height).getContext("2d");
  canvas.fillStyle = "white"; // behind transparent parts
  canvas.fillRect(0, 0, width, height);
  canvas.imageSmoothingQuality = "high";
  canvas.drawImage(picture, 0, 0, width, height);
  const { data } = canvas.getImageData(0, 0, width, height);
  const grey = Float32Array.from(
    { length: width * height },
    (_, i) => (0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]) / 255,
  );
  const isEdge = (_, i) =>
    i < width || i >= width * (height - 1) || i % width === 0 || (i + 1) % width === 0;
  const edge = grey.filter(isEdge);
  const background = edge.reduce((sum, v) => sum + v, 0) / edge.length;
  return background > 0.5 ? grey.map((v) => 1 - v) : grey;
}

/** Return an image of what is on a picture of another width and height. */
function fitted(picture, width, height) {
  const shares = inkOf(picture, width, height);
  const most = shares.reduce((a, b) => Math.max(a, b), 1e-6);
  const strong = shares.map((v) => Math.max(0, v / most - 0.25) / 0.75); // paper is not all white
  // The ink's bounding box.
  let [left, top, right, bottom] = [width, height, 0, 0];
  strong.forEach((v, i) => {
    if (v === 0) return;
    const [column, row] = [i % width, Math.floor(i / width)];
    [left, right] = [Math.min(left, column), Math.max(right, column + 1)];
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row + 1)];
  });
  const [w, h] = [right - left, bottom - top];
  if (w <= 0) return new Float32Array(WIDTH * HEIGHT);
  const source = new ImageData(width, height);
  strong.forEach((v, i) => source.data.set([0, 0, 0, 255 * v], 4 * i));
  const large = newCanvas(width, height);
  large.getContext("2d").putImageData(source, 0, 0);
  // A picture with ink up to its edges fills the image; any other gets MNIST's margin.
  const room = w === width || h === height ? 1 : 1 - 2 * MARGIN;
  const scale = room * Math.min(WIDTH / w, HEIGHT / h);
  const small = newCanvas(WIDTH, HEIGHT).getContext("2d");
  small.imageSmoothingQuality = "high";
  const [x, y] = [(WIDTH - scale * w) / 2, (HEIGHT - scale * h) / 2];
  small.drawImage(large, left, top, w, h, x, y, scale * w, scale * h);
  const { data } = small.getImageData(0, 0, WIDTH, HEIGHT);
  const pixels = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => data[4 * i + 3]);
  const darkest = pixels.reduce((a, b) => Math.max(a, b), 1); // thin lines have become pale
  return pixels.map((v) => v / darkest);
}

/** Encode a picture's file like a drawing; one of the net's size unchanged. */
async function readPicture(file) {
  setMode("draw");
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) {
    byId("code").textContent = phrase("The browser cannot read this file as a picture.");
    return;
  }
  const { width, height } = picture;
  if (width === WIDTH && height === HEIGHT) {
    ink = inkOf(picture, width, height);
    recode(ink);
  } else {
    const scale = Math.min(1, 256 / Math.max(width, height));
    ink = fitted(picture, Math.ceil(scale * width), Math.ceil(scale * height));
    recode(centred(ink));
  }
}

byId("choose").addEventListener("click", () => byId("file").click());

byId("file").addEventListener("change", () => {
  if (byId("file").files.length) readPicture(byId("file").files[0]);
  byId("file").value = ""; // so that the same file can be chosen again
});

addEventListener("dragover", (event) => event.preventDefault());

addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) readPicture(event.dataTransfer.files[0]);
});

addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) readPicture(event.clipboardData.files[0]);
});
