// The plane: dots, decoded images, the point that moves over them, and its images.

const DATA = JSON.parse(document.getElementById("data").textContent);
const [HEIGHT, WIDTH] = DATA.shape;
const N_LATENT = DATA.n_latent;
const { encode, decode } = makeNet(DATA);

const byId = (id) => document.getElementById(id);
const plane = byId("plane");
const pen = plane.getContext("2d");

// Codes and the plane. Its two axes are unit vectors in latent space: the latent axes, or the codes'
// first principal components. Along each of them the prior is N(0, 1).

const ORIGIN = floats(DATA.origin);
const AXES = DATA.axes.map(floats);
const MU = floats(DATA.mu);
const CODES = Array.from({ length: MU.length / N_LATENT }, (_, i) =>
  MU.subarray(i * N_LATENT, (i + 1) * N_LATENT),
);

/** Return the coordinates of a code on the plane. */
function project(code) {
  return AXES.map((axis) => axis.reduce((sum, a, i) => sum + a * code[i], 0));
}

/** Return a code moved to coordinates on the plane; off the plane it is unchanged. */
function movedTo([a, b], code) {
  const [fromA, fromB] = project(code);
  return code.map((v, i) => v + AXES[0][i] * (a - fromA) + AXES[1][i] * (b - fromB));
}

const POINTS = CODES.map(project);

// The visible range: the codes and most of the prior, equal on both axes.
const RANGES = [0, 1].map((axis) => {
  const along = POINTS.map((point) => point[axis]);
  return [
    along.reduce((a, b) => Math.min(a, b), -3.2),
    along.reduce((a, b) => Math.max(a, b), 3.2),
  ];
});
const CENTRE = RANGES.map(([low, high]) => (low + high) / 2);
const REACH = 1.05 * Math.max(...RANGES.map(([low, high]) => (high - low) / 2));

const state = {
  z: ORIGIN, // the code that is shown
  kept: ORIGIN, // the code shown again when the mouse leaves the plane
  drawn: null, // the code of the drawing
  images: true, // decoded images all over the plane
  prior: false, // axes in the prior's probability
};

/** Map a coordinate to [0, 1] across the plane. */
function toUnit(value, axis) {
  return state.prior ? ndtr(value) : ((value - CENTRE[axis]) / REACH + 1) / 2;
}

function fromUnit(unit, axis) {
  return state.prior
    ? ndtri(Math.min(0.9999, Math.max(0.0001, unit)))
    : CENTRE[axis] + (2 * unit - 1) * REACH;
}

/** Map coordinates to pixels of the plane's canvas. */
function toScreen([a, b]) {
  return [toUnit(a, 0) * plane.width, (1 - toUnit(b, 1)) * plane.height];
}

/** Map fractions of the plane's size, from the top left, to coordinates. */
function fromScreen([x, y]) {
  return [fromUnit(x, 0), fromUnit(1 - y, 1)];
}

let colours = {}; // read so far; each frame needs them many times

/** Return a colour of the light or dark scheme. */
function colour(name) {
  if (!(name in colours)) {
    colours[name] = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
  }
  return colours[name];
}

/** Return the picture of an image, in [0, 1]: ink on transparent paper. */
function pictureOf(pixels) {
  const picture = new ImageData(WIDTH, HEIGHT);
  const ink = Number(colour("ink"));
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    picture.data[4 * i] = picture.data[4 * i + 1] = picture.data[4 * i + 2] = ink;
    picture.data[4 * i + 3] = 255 * pixels[i];
  }
  return picture;
}

function showImage(canvas, pixels) {
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  canvas.getContext("2d").putImageData(pictureOf(pixels), 0, 0);
}

// Layers behind the point, redrawn when the axes, the size or the colours change.

const CELL = Math.max(WIDTH, HEIGHT); // pixels along the side of each decoded image
const CELLS = Math.min(20, Math.ceil(2048 / CELL)); // of them along each side of the plane
const DOT = Math.min(5, Math.max(2.6, 2.6 * Math.sqrt(1000 / POINTS.length))); // few are larger
let scan = null;
let dots = null;

function newCanvas(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

/** Decode more images across the plane, for 8 ms; return whether any are left. */
function growScan() {
  scan = scan || { canvas: newCanvas(CELLS * CELL, CELLS * CELL), next: 0 };
  const ink = scan.canvas.getContext("2d");
  const until = performance.now() + 8;
  while (scan.next < CELLS ** 2 && performance.now() < until) {
    const [column, row] = [scan.next % CELLS, Math.floor(scan.next / CELLS)];
    const middle = fromScreen([(column + 0.5) / CELLS, (row + 0.5) / CELLS]);
    const left = column * CELL + Math.floor((CELL - WIDTH) / 2);
    const top = row * CELL + Math.floor((CELL - HEIGHT) / 2);
    ink.putImageData(pictureOf(decode(movedTo(middle, ORIGIN))), left, top);
    scan.next++;
  }
  return scan.next < CELLS ** 2;
}

/** Return the ticks of an axis, [coordinate, text]: about as many as fit. */
function ticks(axis) {
  const room = Math.max(5, plane.clientWidth / 70);
  if (state.prior) {
    const probabilities = plane.clientWidth < 250 ? [0.1, 0.5, 0.9] : [0.1, 0.3, 0.5, 0.7, 0.9];
    return probabilities.map((p) => [ndtri(p), p.toFixed(1)]);
  }
  const least = (2 * REACH) / room;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= least) * power;
  const found = [];
  for (let k = Math.ceil((CENTRE[axis] - REACH) / step); k * step < CENTRE[axis] + REACH; k++) {
    found.push([k * step, String(Number((k * step).toPrecision(6)))]);
  }
  return found;
}

function drawDots(ink, unit) {
  ink.globalAlpha = 0.65;
  POINTS.forEach((point, i) => {
    const [x, y] = toScreen(point);
    ink.fillStyle = DATA.colours[DATA.labels ? DATA.labels[i] : 0];
    ink.beginPath();
    ink.arc(x, y, DOT * unit, 0, 2 * Math.PI);
    ink.fill();
  });
  ink.globalAlpha = 1;
}

/** Draw the ticks of both axes, as lines across the plane if it has no images. */
function drawTicks(ink, unit) {
  const size = (11 * plane.width) / plane.clientWidth; // of the numbers
  const length = state.images ? size / 2 : plane.width;
  ink.font = `${size}px system-ui, sans-serif`;
  ink.strokeStyle = colour(state.images ? "soft" : "line");
  ink.lineWidth = unit;
  const line = (...ends) => {
    ink.beginPath();
    ends.forEach((end) => ink.lineTo(...end));
    ink.stroke();
  };
  const write = (text, left, base) => {
    ink.fillStyle = colour("paper");
    ink.fillRect(
      left - size / 5,
      base - 0.95 * size,
      ink.measureText(text).width + size / 2.5,
      1.2 * size,
    );
    ink.fillStyle = colour("text");
    ink.fillText(text, left, base);
  };
  for (const [value, text] of ticks(0)) {
    const [x] = toScreen([value, 0]);
    if (x < size || x > plane.width - size) continue; // its number would be cut off
    line([x, plane.height], [x, plane.height - length]);
    write(text, x - ink.measureText(text).width / 2, plane.height - 0.7 * size);
  }
  for (const [value, text] of ticks(1)) {
    const [, y] = toScreen([0, value]);
    if (y < size || y > plane.height - 3 * size) continue;
    line([0, y], [length, y]);
    write(text, 0.7 * size, y + size / 3);
  }
}

/** Redraw the layers in the next frame. */
function again() {
  scan = null;
  dots = null;
  redraw();
}

// Frames, drawn only when something has changed.

let pending = false;
let shown = null; // the code whose image is shown
let motion = null; // an animation of the point: {from, to, start, duration, back}

function redraw() {
  if (!pending) requestAnimationFrame(frame);
  pending = true;
}

function frame(now) {
  pending = false;
  if (motion) advance(now);
  const growing = state.images && growScan();
  drawPlane();
  if (shown !== state.z) showPoint();
  if (motion || growing) redraw();
}

function drawPlane() {
  const unit = plane.width / 500;
  pen.fillStyle = colour("paper");
  pen.fillRect(0, 0, plane.width, plane.height);
  if (state.images) {
    pen.globalAlpha = 0.6;
    pen.drawImage(scan.canvas, 0, 0, plane.width, plane.height);
    pen.globalAlpha = 1;
  }
  if (!dots) {
    dots = newCanvas(plane.width, plane.height);
    drawDots(dots.getContext("2d"), unit);
    drawTicks(dots.getContext("2d"), unit);
  }
  pen.drawImage(dots, 0, 0);
  if (motion && motion.back) {
    pen.strokeStyle = colour("accent");
    pen.lineWidth = 2 * unit;
    pen.beginPath();
    walk.forEach((code) => pen.lineTo(...toScreen(project(code))));
    pen.stroke();
  }
  if (walk) walk.forEach((code) => drawMark(code, "soft"));
  if (state.kept !== state.z && !motion) drawMark(state.kept);
  if (state.drawn) drawMark(state.drawn, "text", true);
  drawMark(state.z, "accent");
}

/** Draw a round or square mark at a code; one without a colour's name is only a ring. */
function drawMark(code, name, square = false) {
  const [x, y] = toScreen(project(code));
  const pixel = plane.width / plane.clientWidth;
  const radius = Math.max(5, plane.clientWidth / 80) * pixel;
  pen.beginPath();
  if (square) pen.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  else pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = name ? colour(name) : "transparent";
  pen.strokeStyle = colour(name ? "paper" : "accent");
  pen.lineWidth = 2 * pixel;
  pen.fill();
  pen.stroke();
}

/** Show the decoded image, the nearest test image and the numbers of the point. */
function showPoint() {
  shown = state.z;
  showImage(byId("decoded"), decode(shown));
  byId("where").textContent = `z = ${written(shown)}`;
  for (const slider of document.querySelectorAll("#sliders input")) {
    if (slider !== document.activeElement) slider.value = shown[slider.dataset.dimension];
    slider.nextElementSibling.value = shown[slider.dataset.dimension].toFixed(2);
  }
  showNearest(project(shown));
}

function written(code) {
  const numbers = Array.from(code.slice(0, 4), (v) => v.toFixed(2));
  return `(${numbers.join(", ")}${N_LATENT > 4 ? ", …" : ""})`;
}

const sprite = new Image(); // all test images, black on white
const one = newCanvas(WIDTH, HEIGHT).getContext("2d", { willReadFrequently: true });

function showNearest([a, b]) {
  if (!sprite.complete) return; // shown once it has loaded
  let [nearest, least] = [0, Infinity];
  POINTS.forEach(([c, d], i) => {
    const distance = (a - c) ** 2 + (b - d) ** 2;
    if (distance < least) [nearest, least] = [i, distance];
  });
  const column = nearest % DATA.sprite.columns;
  const row = Math.floor(nearest / DATA.sprite.columns);
  one.drawImage(sprite, column * WIDTH, row * HEIGHT, WIDTH, HEIGHT, 0, 0, WIDTH, HEIGHT);
  const { data } = one.getImageData(0, 0, WIDTH, HEIGHT);
  showImage(
    byId("nearest"),
    Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => 1 - data[4 * i] / 255),
  );
  byId("which").textContent = DATA.labels
    ? phrase("nearest test image: {name}", { name: DATA.classes[DATA.labels[nearest]] })
    : phrase("nearest test image");
}

// Moving the point: another code is shown, and kept unless a mouse only hovers.

function show(code) {
  state.z = code;
  redraw();
}

function keep(code) {
  state.kept = code;
  show(code);
  writeAddress();
}

function moveTo(point) {
  keep(movedTo(point, state.kept));
}

// Animations: the point moves to a random code, or to and fro between two points.

let walk = null; // the codes picked so far for a walk, two at most

function startMotion(to, duration, back = false) {
  motion = { from: state.z, to, start: null, duration, back };
  redraw();
}

function advance(now) {
  motion.start = motion.start ?? now;
  const share = Math.min(1, (now - motion.start) / motion.duration);
  const t = (1 - Math.cos(Math.PI * share)) / 2;
  const { from, to } = motion;
  state.z = share < 1 ? from.map((v, i) => v + t * (to[i] - v)) : to;
  if (share < 1) return;
  motion = motion.back ? { ...motion, from: to, to: from, start: now } : null;
}

/** Stop moving and picking; the point stays where it is. */
function stop() {
  if (motion) {
    state.kept = state.z;
    writeAddress();
  }
  motion = null;
  walk = null;
  nameWalk();
  redraw();
}

function nameWalk() {
  const steps = [
    phrase("Pick the first point"),
    phrase("Pick the second point"),
    phrase("Stop walking"),
  ];
  byId("walk").textContent = walk ? steps[walk.length] : phrase("Walk between two points");
  byId("walk").setAttribute("aria-pressed", String(walk !== null));
}

/** Pick the point as an end of the walk, if one is wanted; the second one starts it. */
function pick() {
  if (!walk || walk.length === 2) return;
  walk.push(state.z);
  nameWalk();
  if (walk.length === 2) {
    state.z = walk[0];
    startMotion(walk[1], 2000, true);
  }
}

/** Return a number from N(0, 1) (Box and Muller). */
function randomNormal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function surprise() {
  stop();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const code = ORIGIN.map(randomNormal);
  startMotion(code, still ? 1 : 600);
  state.kept = code;
  writeAddress();
}
