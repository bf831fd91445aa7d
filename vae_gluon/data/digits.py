"""Procedural handwritten digits, for machines with neither MNIST nor a network.

A digit is a few pen strokes along a skeleton. For each image the skeleton is bent a little,
written with a random slant, proportions and pen, scaled to a box of 20x20 pixels and centred by
mass in 28x28, like MNIST's digits.
"""

from __future__ import annotations

import numpy as np

from vae_gluon._checks import check_integer

SIDE = 28
BOX = 20  # MNIST's digits are at most 20 pixels wide and high
N_CLASSES = 10

# The variants of each digit: their frequencies, and their strokes, separated by " / ".
# A stroke is a smooth curve through its points, "x,y" in percent of the digit's height, y
# downwards. Strokes that share a point meet there, at a corner or a crossing.
SKELETONS = {
    0: [(1.0, "56,1 27,10 10,42 16,82 44,100 74,84 84,46 72,10 47,2")],
    1: [
        (0.74, "50,0 50,35 50,70 50,100"),
        (0.17, "28,25 42,14 54,0 / 54,0 53,50 52,100"),
        (0.09, "27,24 41,13 53,0 / 53,0 52,50 52,100 / 24,100 52,100 80,99"),
    ],
    2: [
        (0.5, "14,24 30,5 58,0 78,18 70,45 42,74 12,98 / 12,98 50,96 92,95"),
        (0.5, "16,20 36,2 64,4 74,26 60,58 34,90 14,98 10,84 26,76 48,86 70,98 96,90"),
    ],
    3: [
        (0.75, "16,12 38,0 66,5 72,24 56,42 36,47 / 36,47 64,52 80,72 66,94 36,100 10,90"),
        (0.25, "18,4 46,2 76,0 / 76,0 58,20 40,40 / 40,40 70,48 80,72 62,95 32,100 12,90"),
    ],
    4: [
        (0.62, "20,4 14,30 13,50 30,57 56,53 84,46 / 80,0 76,34 72,68 68,100"),
        (0.38, "66,0 40,30 10,62 / 10,62 48,63 92,60 / 66,0 66,34 65,68 64,100"),
    ],
    5: [
        (0.65, "30,2 27,22 22,43 / 22,43 46,37 72,50 76,76 54,97 26,100 8,88 / 30,2 58,2 88,0"),
        (0.35, "90,2 62,4 34,6 / 34,6 28,26 24,44 / 24,44 54,44 74,60 68,86 42,100 10,94"),
    ],
    6: [(1.0, "66,0 40,18 20,46 14,74 30,97 56,97 72,78 60,58 36,60 18,78")],
    7: [
        (0.70, "12,10 42,5 80,3 / 80,3 66,34 52,66 44,100"),
        (0.15, "12,8 42,4 82,2 / 82,2 64,34 50,66 42,100 / 32,52 56,49 80,47"),
        (0.15, "12,24 14,8 / 14,8 46,5 80,3 / 80,3 68,32 56,64 50,100"),
    ],
    8: [(1.0, "72,14 48,0 24,14 30,36 54,52 74,74 60,97 34,98 20,78 38,54 62,36 73,16")],
    9: [
        (0.6, "74,16 52,1 26,12 18,36 38,50 62,40 74,16 / 74,16 70,44 64,74 60,100"),
        (0.4, "72,14 48,0 24,14 20,38 44,50 68,34 74,12 / 74,12 76,44 72,80 48,100 20,92"),
    ],
}

POINTS = 128  # of all strokes of a digit together
CHUNK = 500  # images drawn at a time, to limit memory

CENTRE = 14.0  # MNIST's centre of mass: the pixel right of and below the middle
SWELL = 0.16  # relative amplitude of the pen's pressure
GAIN, THRESHOLD = 1.9, 0.12  # of the paper: ink = GAIN * exposure - THRESHOLD, cut to [0, 1]
# How far from its middle a stroke leaves ink, in sigmas of the pen.
REACH = np.sqrt(2 * np.log((1 + SWELL) * GAIN / THRESHOLD))


def make_digits(n_train: int = 12_000, n_test: int = 2_000, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw a balanced data set of handwritten-looking digits.

    Parameters
    ----------
    n_train : int, default 12,000
        Training images, equally many of each digit, give or take one.
    n_test : int, default 2,000
        Test images.
    seed : int, default 0
        The same arguments give the same images. Does not use NumPy's global generator.

    Returns
    -------
    dict
        As ``load_mnist`` returns it: ``train_data`` and ``test_data``, float32 in [0, 1],
        (N, 1, 28, 28); ``train_label`` and ``test_label``, int8 from 0 to 9, (N,).
    """
    check_integer("n_train", n_train)
    check_integer("n_test", n_test)
    check_integer("seed", seed, least=0)
    rng = np.random.default_rng(seed)
    digits = {}
    for part, n in (("train", n_train), ("test", n_test)):
        labels = rng.permutation(np.arange(n) % N_CLASSES)
        images = np.empty((n, 1, SIDE, SIDE), np.float32)
        for digit, variants in SKELETONS.items():
            where = np.flatnonzero(labels == digit)
            weights = [weight for weight, _ in variants]
            which = rng.choice(len(variants), size=len(where), p=weights)
            for variant, (_, skeleton) in enumerate(variants):
                drawn = where[which == variant]
                images[drawn, 0] = draw(skeleton, len(drawn), rng)
        digits[f"{part}_data"] = images
        digits[f"{part}_label"] = labels.astype(np.int8)
    return digits


def draw(skeleton: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` images of one skeleton: float32 in [0, 1], (n, 28, 28)."""
    points, strokes = _parse(skeleton)
    curves = _curve_matrices(len(points), strokes)
    lifts = np.cumsum(list(map(len, curves)))[:-1]
    curve = np.concatenate(curves)  # (POINTS, K)
    images = np.empty((n, SIDE, SIDE), np.float32)
    for start in range(0, n, CHUNK):
        size = min(CHUNK, n - start)
        path = curve @ _bend(points, size, rng)  # (size, POINTS, 2)
        images[start : start + size] = _ink(_write(path, rng), lifts, rng)
    return images


def _parse(skeleton: str) -> tuple[np.ndarray, list[list[int]]]:
    """Turn the text into points, (K, 2), and strokes, each a list of indices of points.

    A point listed twice is one point, so that strokes still meet after points are moved.
    """
    names: list[str] = []
    strokes = []
    for pairs in map(str.split, skeleton.split(" / ")):
        names += [pair for pair in pairs if pair not in names]
        strokes.append([names.index(pair) for pair in pairs])
    return np.array([name.split(",") for name in names], float) / 100, strokes


def _curve_matrices(n_points: int, strokes: list[list[int]]) -> list[np.ndarray]:
    """Return a matrix for each stroke, (_, K), that maps the K points of a skeleton to its curve.

    Uniform Catmull-Rom splines (https://en.wikipedia.org/wiki/Catmull-Rom_spline), with the
    end points doubled. The curves share the POINTS by their number of segments.
    """
    segments = [len(stroke) - 1 for stroke in strokes]
    shares = [POINTS * n // sum(segments) for n in segments]
    shares[-1] += POINTS - sum(shares)  # the rest
    unit = np.eye(n_points)
    curves = []
    for stroke, share in zip(strokes, shares):
        t = np.linspace(0, len(stroke) - 1, share)
        segment = np.minimum(t.astype(int), len(stroke) - 2)
        u = t - segment
        weights = (
            0.5 * (-u + 2 * u**2 - u**3),
            0.5 * (2 - 5 * u**2 + 3 * u**3),
            0.5 * (u + 4 * u**2 - 3 * u**3),
            0.5 * (-(u**2) + u**3),
        )
        through = np.array([stroke[0], *stroke, stroke[-1]])
        curves.append(sum(w[:, None] * unit[through[segment + k]] for k, w in enumerate(weights)))
    return curves


def _bend(points: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Move points, (K, 2), a little independently and more with their neighbours: (n, K, 2)."""
    bent = points + rng.normal(0, 0.028, (n, *points.shape))
    # Two plane waves of random direction and phase shift neighbours alike.
    for _ in range(2):
        wave = rng.normal(0, 3.0, (n, 2))
        phase = np.einsum("kd,nd->nk", points, wave) + rng.uniform(0, 2 * np.pi, (n, 1))
        bent += rng.normal(0, 0.055, (n, 1, 2)) * np.sin(phase)[:, :, None]
    return bent


def _write(path: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give each path, (n, POINTS, 2), a handwriting: proportions, rotation, slant.

    Return points around (0, 0), of the same shape.
    """
    n = len(path)
    angle, slant = rng.normal(0, 0.10, n), rng.normal(0.18, 0.20, n)
    width = np.exp(rng.normal(0.0, 0.18, n))
    cos, sin = np.cos(angle), np.sin(angle)
    # Rotation @ slant @ width, (2, 2, n), for y downwards: a positive slant leans to the right.
    hand = np.array([[cos * width, -cos * slant - sin], [sin * width, -sin * slant + cos]])
    centred = path - path.mean(axis=1, keepdims=True)
    return np.einsum("den,npe->npd", hand, centred)


def _ink(path: np.ndarray, lifts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw paths, (n, POINTS, 2), with a soft round pen: images in [0, 1], (n, 28, 28).

    The pen is lifted before the points whose indices are ``lifts``, (strokes - 1,).
    """
    n = len(path)
    pen = np.clip(np.exp(rng.normal(-0.20, 0.19, (n, 1))), 0.55, 1.45)  # sigma in pixels
    # Pressure varies along the path as a sine: (n, POINTS).
    phase = rng.uniform(0, 2 * np.pi, (n, 1))
    swells = rng.uniform(2, 9, (n, 1))
    pressure = 1 + SWELL * np.sin(swells * np.linspace(0, 1, POINTS) + phase)
    # The longer side is BOX, including the ink beyond the path.
    low, high = path.min(axis=1), path.max(axis=1)
    scale = (BOX - 2 * REACH * pen[:, 0]) / (high - low).max(axis=1)
    path = (path - (low + high)[:, None] / 2) * scale[:, None, None] + CENTRE
    strokes = np.split(path, lifts, axis=1)
    steps = np.concatenate([np.gradient(stroke, axis=1) for stroke in strokes], axis=1)
    ink = np.linalg.norm(steps, axis=2) * pressure  # (n, POINTS)
    image = _expose(path, ink, pen)
    # Centre by mass, and draw again, with the parts that were cut off at the edge.
    pixels, mass = np.arange(SIDE), image.sum(axis=(1, 2))
    x, y = ((image.sum(axis=axis) * pixels).sum(axis=1) / mass for axis in (1, 2))
    path = path + (CENTRE - np.stack([x, y], axis=1))[:, None]
    image = _expose(path, ink, pen)
    return np.round(255 * image) / 255  # the greys of a file with one byte per pixel


def _expose(path: np.ndarray, ink: np.ndarray, pen: np.ndarray) -> np.ndarray:
    """Add up the marks of a Gaussian pen along paths, (n, POINTS, 2), on paper that saturates.

    ``ink``, (n, POINTS), is the length around each point times the pressure there, ``pen``, (n, 1),
    the pen's sigma. Return images in [0, 1], (n, 28, 28).

    A 2-D Gaussian is a product of one in x and one in y, so the sum over the path is a matrix
    product, without a loop over pixels or points.
    """
    pixels = np.arange(SIDE, dtype=np.float32)
    offsets = (path[..., None] - pixels) / pen[:, :, None, None]  # (n, POINTS, 2, SIDE)
    marks = np.exp(-0.5 * np.square(offsets, dtype=np.float32))  # (n, POINTS, 2, SIDE)
    # On a long straight stroke the marks add up to 1 along its middle.
    weight = ink / (np.sqrt(2 * np.pi) * pen)
    columns = marks[:, :, 0] * weight[..., None].astype(np.float32)  # (n, POINTS, SIDE)
    exposure = marks[:, :, 1].transpose(0, 2, 1) @ columns  # (n, SIDE, SIDE), rows first
    return np.clip(GAIN * exposure - THRESHOLD, 0, 1)
