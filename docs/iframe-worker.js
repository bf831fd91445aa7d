"use strict";

// Browsers start no worker from a file. In a site opened from disk, the search runs in a hidden
// frame instead. The name of this file keeps Material's plugin "offline" from loading another.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.scope = frame.contentWindow;
      this.scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.loaded = new Promise((resolve) => {
        const script = frame.contentDocument.createElement("script");
        script.addEventListener("load", resolve);
        script.src = url;
        frame.contentDocument.head.append(script);
      });
    }

    async postMessage(data) {
      await this.loaded;
      this.scope.dispatchEvent(new this.scope.MessageEvent("message", { data }));
    }
  };
}
