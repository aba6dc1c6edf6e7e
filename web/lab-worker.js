// A worker of the lab: it runs the program that replays traces, which tells the page
// what it has to say, and that it has ended, if it does.
"use strict";

importScripts("/wasm_exec.js");

(async () => {
  try {
    const response = await fetch("/web/lab.wasm");
    if (!response.ok) {
      throw new Error(`the server answered ${response.status} instead of the lab's program.`);
    }
    const go = new Go();
    const { instance } = await WebAssembly.instantiateStreaming(response, go.importObject);
    await go.run(instance);
    throw new Error("the lab's program ended, perhaps for want of memory.");
  } catch (err) {
    postMessage(JSON.stringify({ dead: err?.message ?? String(err) }));
  }
})();
