// Input by mouse, finger, keys, buttons, sliders and the address.

/** Return an event's position on an element, in fractions of its size. */
function placeOn(element, event) {
  const box = element.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

plane.addEventListener("pointerdown", (event) => {
  plane.setPointerCapture(event.pointerId);
  if (motion) stop();
  moveTo(fromScreen(placeOn(plane, event)));
  pick();
});

plane.addEventListener("pointermove", (event) => {
  if (motion) return;
  const point = fromScreen(placeOn(plane, event).map((share) => Math.min(1, Math.max(0, share))));
  if (event.buttons) moveTo(point);
  else if (event.pointerType === "mouse") show(movedTo(point, state.kept));
});

plane.addEventListener("pointerleave", () => {
  if (!motion) show(state.kept);
});

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

plane.addEventListener("keydown", (event) => {
  if (KEYS[event.key]) {
    if (motion) stop();
    const step = (event.shiftKey ? 0.5 : 0.1) * (REACH > 7 ? 5 : 1); // longer for large codes
    const here = project(state.kept);
    moveTo(KEYS[event.key].map((direction, axis) => here[axis] + step * direction));
  } else if (event.key === "Home") {
    stop();
    keep(ORIGIN);
  } else if (event.key === "Enter") {
    pick();
  } else {
    return;
  }
  event.preventDefault();
});

byId("surprise").addEventListener("click", surprise);

byId("walk").addEventListener("click", () => {
  const start = walk === null;
  stop();
  if (start) walk = [];
  nameWalk();
  plane.scrollIntoView({ block: "nearest" });
});

/** Switch one of the options "images" and "prior". */
function setOption(name, on) {
  state[name] = on;
  byId(name).setAttribute("aria-pressed", String(on));
  again();
}

for (const name of ["images", "prior"]) {
  byId(name).addEventListener("click", () => {
    setOption(name, !state[name]);
    writeAddress();
  });
}

byId("reset").addEventListener("click", () => {
  stop();
  setOption("images", true);
  setOption("prior", false);
  keep(ORIGIN);
  clearPad();
});

// A narrow window has a mode to explore and one to draw.

function setMode(mode) {
  document.body.dataset.mode = mode;
  for (const name of ["explore", "draw"]) {
    byId(name).setAttribute("aria-pressed", String(name === mode));
  }
}

for (const mode of ["explore", "draw"]) byId(mode).addEventListener("click", () => setMode(mode));

// The address keeps the point and the view, so that a link shows the same. In a notebook the page has
// no address.

let writing = null;

function address() {
  const parts = [];
  if (state.kept !== ORIGIN)
    parts.push("z=" + Array.from(state.kept, (v) => +v.toFixed(3)).join(","));
  if (!state.images) parts.push("images=0");
  if (state.prior) parts.push("prior=1");
  return parts.length ? "#" + parts.join("&") : "";
}

/** Write the address after a pause: browsers limit how often. */
function writeAddress() {
  clearTimeout(writing);
  if (location.protocol === "about:") return;
  writing = setTimeout(() => {
    history.replaceState(null, "", location.href.split("#")[0] + address());
  }, 400);
}

function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const numbers = (parts.get("z") || "").split(",").map(Number);
  const known = numbers.length === N_LATENT && parts.get("z") && numbers.every(Number.isFinite);
  stop();
  setOption("images", parts.get("images") !== "0");
  setOption("prior", parts.get("prior") === "1");
  state.kept = known ? Float32Array.from(numbers) : ORIGIN;
  show(state.kept);
}

// Sliders, one for each of more than two dimensions, sorted by use: by the variance of the codes along
// them, which is near zero for a dimension that the net ignores.

const N_SLIDERS = 12; // the others are folded

function makeSliders() {
  const dimensions = Array.from(ORIGIN.keys(), (i) => {
    const along = CODES.map((code) => code[i]);
    const mean = along.reduce((sum, v) => sum + v, 0) / along.length;
    const variance = along.reduce((sum, v) => sum + (v - mean) ** 2, 0) / along.length;
    const reach = along.reduce((most, v) => Math.max(most, Math.abs(v)), 4);
    return { i, variance, reach };
  });
  dimensions.sort((a, b) => b.variance - a.variance);
  const rest = document.querySelector("#rest div");
  dimensions.forEach(({ i, reach }, rank) => {
    const label = document.createElement("label");
    const slider = document.createElement("input");
    Object.assign(slider, {
      type: "range",
      min: -Math.ceil(reach),
      max: Math.ceil(reach),
      step: 0.01,
    });
    slider.dataset.dimension = i;
    slider.setAttribute("aria-label", phrase("Latent dimension {n}", { n: i + 1 }));
    slider.addEventListener("input", () => {
      stop();
      keep(state.kept.map((v, k) => (k === i ? Number(slider.value) : v)));
    });
    label.append(`z${i + 1}`, slider, document.createElement("output"));
    (rank < N_SLIDERS ? byId("used") : rest).append(label);
  });
  byId("sliders").hidden = false;
  byId("components").hidden = false;
  if (N_LATENT > N_SLIDERS) {
    byId("rest").hidden = false;
    document.querySelector("#rest summary").textContent = phrase("{n} more", {
      n: N_LATENT - N_SLIDERS,
    });
  }
}

/** List the labels with separate colours, and count the others. */
function makeLegend() {
  const entries = new Map(); // colour -> names
  DATA.classes.forEach((name, i) => {
    entries.set(DATA.colours[i], [...(entries.get(DATA.colours[i]) || []), name]);
  });
  for (const [colour, names] of entries) {
    const entry = document.createElement("span");
    entry.textContent = names.length > 1 ? phrase("{n} others", { n: names.length }) : names[0];
    entry.style.setProperty("--dot", colour);
    byId("labels").append(entry);
  }
}

function fit() {
  const side = Math.round(plane.clientWidth * Math.min(2, devicePixelRatio || 1));
  if (side === 0 || side === plane.width) return;
  plane.width = plane.height = side;
  dots = null;
  redraw();
}

/** Fill in the page, once. */
function start() {
  document.documentElement.lang = LANGUAGE;
  for (const element of document.querySelectorAll("header, main, footer")) translate(element);
  document.title = byId("title").textContent = phrase(DATA.title);
  byId("subtitle").textContent = DATA.subtitle;
  for (const event of ["pointerdown", "keydown", "drop", "paste"]) {
    addEventListener(event, () => document.body.classList.add("touched"), { once: true });
  }
  if (DATA.classes) makeLegend();
  if (N_LATENT > 2) makeSliders();
  document.documentElement.style.setProperty("--ratio", WIDTH / HEIGHT);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    colours = {};
    shown = null;
    showPad();
    again();
  });
  sprite.onload = () => {
    shown = null;
    redraw();
  };
  sprite.src = DATA.sprite.source;
  new ResizeObserver(fit).observe(plane);
  addEventListener("hashchange", readAddress);
  showPad();
  fit();
  readAddress();
}

window.explorer = { decode, encode, state, moveTo, ink: () => image };
