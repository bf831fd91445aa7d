"use strict";

// The words of the page, in the browser's language: English or Chinese.

const CHINESE = {
  __proto__: null,
  "Latent space": "隐空间",
  "Latent space of handwritten digits": "手写数字的隐空间",
  "Each dot is a test image. Move over the plane: the decoder draws what lies there.":
    "每个点是一幅测试图像。移到平面任意处，即可看到解码结果。",
  "Latent space of digits": "数字图像的隐空间",
  Explore: "探索",
  Draw: "手绘",
  "Latent plane. Arrow keys move the point; hold Shift for larger steps.":
    "二维隐空间。用方向键移动当前点，按住 Shift 加大步长。",
  "Show decoded images": "显示解码图像",
  "Scale axes by prior probability": "坐标轴按先验概率缩放",
  "Walk between two points": "在两点间漫游",
  "Pick the first point": "请选择第一个点",
  "Pick the second point": "请选择第二个点",
  "Stop walking": "停止漫游",
  "Surprise me": "随机取一点",
  Reset: "重置",
  Labels: "标签",
  "{n} others": "其他 {n} 类",
  "The plane shows the first two principal components of the codes.":
    "平面显示编码的前两个主成分。",
  "At this point": "当前点",
  "Decoded image": "解码图像",
  "nearest test image": "最近的测试图像",
  "nearest test image: {name}": "最近的测试图像：{name}",
  "Latent dimensions, most used first": "隐变量各维度，按使用程度排序",
  "{n} more": "另外 {n} 个",
  "Latent dimension {n}": "隐变量第 {n} 维",
  "Draw an image": "画一幅图像",
  "Drawing area for mouse or finger": "手绘区域，可用鼠标或手指",
  "your drawing": "你画的图像",
  "its reconstruction": "重构图像",
  Clear: "清除",
  "Choose a picture": "选择图片",
  "Or drop or paste a picture. The square on the plane marks its code.":
    "也可拖入或粘贴图片；平面上的方块标出其编码。",
  "code: {z}": "编码：{z}",
  "The browser cannot read this file as a picture.": "浏览器无法将此文件作为图片读取。",
  "Made with vae_gluon. Everything runs in your browser; nothing is sent.":
    "由 vae_gluon 生成。一切都在浏览器中运行，不上传任何数据。",
};

const LANGUAGE =
  navigator.languages.map((name) => name.slice(0, 2)).find((name) => ["en", "zh"].includes(name)) ||
  "en";

/** Return a phrase in the reader's language, with values for {name}. */
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
