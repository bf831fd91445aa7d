"use strict";

// The words of the page, in the language of the reader's browser: English or Chinese.

const CHINESE = {
  __proto__: null,
  "Latent space": "隐空间",
  "Latent space of handwritten digits": "手写数字的隐空间",
  "Each dot is a test image. Move over the plane: the decoder draws what lies there.":
    "每个点是一幅测试图像。移到平面任意处，即可看到解码结果。",
  "Latent space of digits": "数字图像的隐空间",
  Explore: "探索",
  Draw: "绘制",
  "Latent plane. The arrow keys move the point, with Shift in larger steps.":
    "隐平面。方向键移动当前点，按住 Shift 步长更大。",
  "Decoded images": "显示解码图像",
  "Axes by prior probability": "坐标轴按先验概率缩放",
  "Walk between two points": "在两点之间移动",
  "Pick the first point": "请选第一个点",
  "Pick the second point": "请选第二个点",
  "Stop walking": "停止移动",
  "Surprise me": "随机一点",
  Reset: "重置",
  Labels: "标签",
  "{n} others": "其他 {n} 类",
  "The plane is that of the first two principal components of the codes.":
    "平面由编码的前两个主成分张成。",
  "At the point": "当前点",
  "Decoded image": "解码图像",
  "nearest test image": "最近的测试图像",
  "nearest test image: {name}": "最近的测试图像：{name}",
  "Dimensions of the code, the most used first": "编码的各个维度，按使用程度排列",
  "{n} more": "另外 {n} 个",
  "Dimension {n} of the code": "编码的第 {n} 维",
  "Draw an image": "画一幅图像",
  "Box to draw in with mouse or finger": "用鼠标或手指在此绘制",
  "your drawing": "你画的图像",
  "its reconstruction": "重构图像",
  Clear: "清除",
  "Choose a picture": "选择图片",
  "Or drop or paste a picture. Its code is the square on the plane.":
    "也可以拖入或粘贴图片。其编码是平面上的方块。",
  "code: {z}": "编码：{z}",
  "This file is not a picture that the browser can read.": "浏览器无法读取这个图片文件。",
  "Made with vae_gluon. It runs in your browser and sends nothing.":
    "由 vae_gluon 生成，完全在浏览器中运行，不发送任何数据。",
};

const LANGUAGE =
  navigator.languages.map((name) => name.slice(0, 2)).find((name) => ["en", "zh"].includes(name)) ||
  "en";

/** Return a phrase in the reader's language, with values where it says {name}. */
function phrase(english, values = {}) {
  const text = (LANGUAGE === "zh" && CHINESE[english]) || english;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Translate the words and the labels within an element. */
function translate(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const english = node.data.trim().replace(/\s+/g, " ");
    if (english) node.data = phrase(english);
  }
  for (const element of root.querySelectorAll("[aria-label]")) {
    element.setAttribute("aria-label", phrase(element.getAttribute("aria-label")));
  }
}
