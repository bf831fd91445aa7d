"use strict";

// The net: functions on flat Float32Arrays, from the layers in the page.

/** Return the bytes of a base64 text. */
function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}

function floats(text) {
  return new Float32Array(bytes(text));
}

/** Return a layer's weights: 16-bit integers, times the scale of their row. */
function weightsOf(layer) {
  const integers = new Int16Array(bytes(layer.weight));
  const scales = floats(layer.scales);
  const width = integers.length / scales.length;
  return Float32Array.from(integers, (integer, i) => integer * scales[Math.floor(i / width)]);
}

const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  softrelu: (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
  softsign: (x) => x / (1 + Math.abs(x)),
  tanh: Math.tanh,
};

/** Return a dense layer: (..., nInput) -> (..., nOutput). */
function dense(layer, weights, bias) {
  const nOutput = layer.out[layer.out.length - 1];
  const nInput = weights.length / nOutput;
  return (x) => {
    const nRows = x.length / nInput;
    const y = new Float32Array(nRows * nOutput);
    for (let row = 0; row < nRows; row++) {
      for (let i = 0; i < nOutput; i++) {
        let sum = bias ? bias[i] : 0;
        let k = i * nInput;
        let j = row * nInput;
        for (const end = k + nInput; k < end; k++, j++) sum += weights[k] * x[j];
        y[row * nOutput + i] = sum;
      }
    }
    return y;
  };
}

/**
 * Return a convolution, or a transposed one: (channels, height, width) -> (channels, height, width).
 *
 * Both connect a small side to a large one: pixel s of the small side and element e of the kernel
 * belong to pixel s * stride - pad + e * dilate of the large side. A convolution gathers its input,
 * the large side; a transposed one scatters its input, the small side.
 */
function convolution(layer, weights, bias) {
  const transposed = layer.kind === "deconv";
  const [nSmall, smallHeight, smallWidth] = transposed ? layer.in : layer.out;
  const [nLarge, largeHeight, largeWidth] = transposed ? layer.out : layer.in;
  const [kernelHeight, kernelWidth] = layer.kernel;
  const [strideY, strideX] = layer.stride;
  const [padY, padX] = layer.pad;
  const [dilateY, dilateX] = layer.dilate;
  // The weights are (nSmall, channels of the large side in a group, kernelHeight, kernelWidth).
  const smallInGroup = nSmall / layer.num_group;
  const largeInGroup = nLarge / layer.num_group;

  // The first small pixel with its large pixel inside, and the one after the last.
  const first = (offset, stride) => Math.max(0, Math.ceil(-offset / stride));
  const end = (offset, stride, nSmallPixels, nLargePixels) =>
    Math.min(nSmallPixels, Math.ceil((nLargePixels - offset) / stride));

  /** Add to y one weight's contribution between a small and a large channel. */
  function connect(x, y, weight, small, large, offsetY, offsetX) {
    const lastRow = end(offsetY, strideY, smallHeight, largeHeight);
    const firstColumn = first(offsetX, strideX);
    const lastColumn = end(offsetX, strideX, smallWidth, largeWidth);
    for (let row = first(offsetY, strideY); row < lastRow; row++) {
      const near = (small * smallHeight + row) * smallWidth;
      let far = (large * largeHeight + row * strideY + offsetY) * largeWidth + offsetX;
      far += firstColumn * strideX;
      for (let column = firstColumn; column < lastColumn; column++, far += strideX) {
        if (transposed) y[far] += weight * x[near + column];
        else y[near + column] += weight * x[far];
      }
    }
  }

  return (x) => {
    const [nOutput, height, width] = layer.out;
    const y = new Float32Array(nOutput * height * width);
    if (bias) bias.forEach((b, i) => y.fill(b, i * height * width, (i + 1) * height * width));
    let k = 0;
    for (let small = 0; small < nSmall; small++) {
      const group = Math.floor(small / smallInGroup);
      for (let i = 0; i < largeInGroup; i++) {
        const large = group * largeInGroup + i;
        for (let row = 0; row < kernelHeight; row++) {
          for (let column = 0; column < kernelWidth; column++) {
            const offsetY = row * dilateY - padY;
            const offsetX = column * dilateX - padX;
            connect(x, y, weights[k++], small, large, offsetY, offsetX);
          }
        }
      }
    }
    return y;
  };
}

/** Return the function that layers compute in sequence. */
function network(layers) {
  const functions = layers.map((layer) => {
    const activate = ACTIVATIONS[layer.activation];
    if (layer.kind === "activation") return (x) => x.map(activate);
    const make = layer.kind === "dense" ? dense : convolution;
    const linear = make(layer, weightsOf(layer), layer.bias && floats(layer.bias));
    return activate ? (x) => linear(x).map(activate) : linear;
  });
  return (x) => functions.reduce((y, layer) => layer(y), Float32Array.from(x));
}

/** Return the net's encode, image -> mean of its code, and decode, code -> probabilities. */
function makeNet(data) {
  const encoder = network(data.encoder);
  const decoder = network(data.decoder);
  return {
    encode: (image) => encoder(image).slice(0, data.n_latent),
    decode: (code) => decoder(code).map(ACTIVATIONS.sigmoid),
  };
}

/** The normal cdf, to 1.5e-7 (Abramowitz and Stegun, 7.1.26). */
function ndtr(x) {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
  const coefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const tail = coefficients.reduce((sum, c) => (sum + c) * t, 0) * Math.exp((-x * x) / 2);
  return x < 0 ? tail / 2 : 1 - tail / 2;
}

/** The inverse of the normal cdf, by bisection. */
function ndtri(p) {
  let [low, high] = [-6, 6];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (ndtr(middle) < p) low = middle;
    else high = middle;
  }
  return low;
}
