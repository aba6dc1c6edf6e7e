// The loader: it starts the WebAssembly program, says so when that fails, and
// looks after the service worker. Until the program has mounted, the page shows
// what the server has drawn. The server writes the value in double braces.
"use strict";

(() => {
  const programURL = "/web/app.wasm";
  const languages = ["de"]; // besides English, which the program speaks by itself: /web/lang
  const rawLengthHeader = "X-Raw-Length"; // bytes of the program, uncompressed
  const quietMillis = 1000; // how long loading goes on unmentioned
  const patienceMillis = 20_000; // how long it goes on without a way out
  const checkMillis = 60_000; // at most one look for a new version in this time

  // ------------------------------------------------------------ the program

  let mounted = false;
  let percent = "";
  let lastWords = "";

  // The program is fetched and compiled while the page is still being read:
  // nothing else takes as long.
  const compiled = compile();
  compiled.catch(() => {}); // run reports it

  // So are the texts, unless they are to be English.
  const spoken = useLanguage(localStore()?.getItem("memcache.language") ?? preferredLanguage());

  // run starts the program and returns when it has ended, which it never should.
  async function run() {
    const [module] = await Promise.all([compiled, spoken]);
    if (typeof Go !== "function") {
      throw new Error("a part of the page (wasm_exec.js) did not load.");
    }
    const go = new Go();
    go.exit = () => {}; // run's caller reports it
    listenForLastWords();
    await go.run(await WebAssembly.instantiate(module, go.importObject));
    throw new Error(lastWords || "the program ended.");
  }

  async function compile() {
    if (typeof WebAssembly !== "object") {
      throw new Error("WebAssembly is switched off or not supported.");
    }
    const response = await fetch(programURL);
    if (!response.ok) {
      throw new Error(`the server answered ${response.status} instead of the program (${programURL}).`);
    }
    const module = await WebAssembly.compileStreaming(counted(response));
    performance.mark("memcache-compiled");
    return module;
  }

  // counted lets a first visit, which the service worker does not speed up yet,
  // see progress.
  function counted(response) {
    const total = Number(response.headers.get(rawLengthHeader));
    if (navigator.serviceWorker?.controller || !total) {
      return response;
    }
    let loaded = 0;
    const counter = new TransformStream({
      transform(chunk, controller) {
        loaded += chunk.byteLength;
        percent = `${Math.floor((100 * loaded) / total)} %`;
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(counter), { headers: response.headers });
  }

  // listenForLastWords remembers what the program says when it dies: Go writes
  // the reason of a panic to its standard error, in pieces.
  function listenForLastWords() {
    const write = fs.writeSync;
    const decoder = new TextDecoder();
    let line = "";
    fs.writeSync = (fd, bytes) => {
      const lines = (line + decoder.decode(bytes)).split("\n");
      line = lines.pop();
      lastWords ||= lines.find((l) => /^(panic|fatal error): /.test(l)) ?? "";
      return write.call(fs, fd, bytes);
    };
  }

  // ------------------------------------------------------------- the language

  // useLanguage fetches the texts of a language for the program to take. Without
  // them the app is English, and works.
  async function useLanguage(language) {
    let texts = "";
    if (languages.includes(language)) {
      try {
        const response = await fetch(`/web/lang/${language}.json`);
        texts = response.ok ? await response.text() : "";
      } catch {
        // no network, and not kept
      }
    }
    document.documentElement.lang = texts ? language : "en";
    window.memcacheTexts = texts;
    return texts;
  }

  // preferredLanguage is the first that both the reader and the app speak.
  function preferredLanguage() {
    const wanted = (navigator.languages ?? []).map((l) => l.split("-")[0]);
    return wanted.find((l) => l === "en" || languages.includes(l)) ?? "en";
  }

  // localStore is where the browser keeps choices, or nothing where it is forbidden.
  function localStore() {
    try {
      return window.localStorage;
    } catch {
      return null;
    }
  }

  // memcacheSpeak changes the language, for good, and returns its texts.
  window.memcacheSpeak = (language) => {
    localStore()?.setItem("memcache.language", language);
    return useLanguage(language);
  };

  // memcacheTheme makes the colours light, dark or, with "", those of the system.
  window.memcacheTheme = (theme) => {
    localStore()?.setItem("memcache.theme", theme);
    document.documentElement.dataset.theme = theme;
  };
  document.documentElement.dataset.theme = localStore()?.getItem("memcache.theme") ?? "";

  // -------------------------------------------------------------- the rights

  // What somebody who is logged in may do, as the program has kept it: what they may
  // not do is not shown before the program runs either.
  document.documentElement.dataset.scope = keptScope();

  function keptScope() {
    try {
      return JSON.parse(localStore()?.getItem("memcache.who"))?.value.scope ?? "";
    } catch {
      return "";
    }
  }

  // ---------------------------------------------------------- what is shown

  // say shows a message; percent is not read out each time it grows.
  function say(text, percent, retry) {
    const boot = document.getElementById("boot");
    if (boot.dataset.text !== text) {
      boot.dataset.text = text;
      boot.role = retry ? "alert" : "status";
      const progress = document.createElement("span");
      progress.ariaHidden = "true";
      boot.replaceChildren(text, progress);
      if (retry) {
        boot.append(retryButton());
      }
      boot.hidden = false;
    }
    boot.querySelector("span").textContent = percent;
  }

  function retryButton() {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Try again";
    button.addEventListener("click", () => window.memcacheReload());
    return button;
  }

  function watchStart() {
    const began = performance.now();
    const timer = setInterval(() => {
      const waited = performance.now() - began;
      if (waited > patienceMillis) {
        say("MemCache is still loading. Is the connection slow?", percent, true);
      } else if (waited > quietMillis) {
        say("Loading MemCache …", percent, false);
      }
    }, 250);
    // The program replaces the drawn page, which is the body's first element.
    const drawn = document.body.firstElementChild;
    const observer = new MutationObserver(() => {
      if (document.body.firstElementChild === drawn) {
        return;
      }
      performance.mark("memcache-mounted");
      mounted = true;
      document.getElementById("boot").hidden = true;
      stop();
      registerWorker();
    });
    const stop = () => {
      clearInterval(timer);
      observer.disconnect();
    };
    observer.observe(document.body, { childList: true });
    return stop;
  }

  function start() {
    const stop = watchStart();
    run().catch((err) => {
      stop();
      registerWorker(); // a newer version may be better
      console.error("MemCache:", err);
      const reason = err?.message ?? String(err);
      say(mounted ? `MemCache has stopped: ${reason}` : `MemCache could not start in this browser: ${reason}`, "", true);
    });
  }

  // ---------------------------------------------------- the service worker

  let registration;
  let updateReady = false;
  let onUpdate = () => {};
  let lastCheck = performance.now();

  // go-app sets its handler when the program starts, and the new version may
  // have been found before that.
  Object.defineProperty(window, "goappOnUpdate", {
    get: () => onUpdate,
    set: (handler) => {
      onUpdate = handler;
      if (updateReady) {
        queueMicrotask(() => onUpdate());
      }
    },
  });

  function announceUpdate() {
    if (!updateReady) {
      updateReady = true;
      onUpdate();
    }
  }

  // registerWorker runs when the program has mounted or failed, so that what the
  // worker fetches does not delay it.
  async function registerWorker() {
    const container = navigator.serviceWorker;
    if (!container || registration) {
      return; // no container in a private window: all works but offline use
    }
    try {
      registration = await container.register("/app-worker.js", { updateViaCache: "none" });
    } catch (err) {
      console.warn("offline use is not available:", err);
      return;
    }
    // The first worker takes over a page that had none; that is no update.
    let controlled = Boolean(container.controller);
    container.addEventListener("controllerchange", () => {
      if (controlled) {
        announceUpdate(); // another tab has agreed to the new version
      }
      controlled = true;
    });
    if (!controlled) {
      // The worker takes over the pages that are there when it becomes active. A
      // page that was just being loaded then is none of them, and has to ask.
      container.ready.then((ready) => ready.active.postMessage({ type: "claim" }));
    }
    watchWorker(registration.waiting);
    watchWorker(registration.installing);
    registration.addEventListener("updatefound", () => watchWorker(registration.installing));
  }

  // watchWorker announces worker, which may be null, once it waits for an older
  // one to go.
  function watchWorker(worker) {
    const announce = () => {
      if (worker.state === "installed" && navigator.serviceWorker.controller) {
        announceUpdate();
      }
    };
    worker?.addEventListener("statechange", announce);
    if (worker) {
      announce();
    }
  }

  // memcacheCheckUpdate looks for a new version; the program calls it when the
  // server is back after it was away.
  window.memcacheCheckUpdate = () => {
    const now = performance.now();
    if (registration && now - lastCheck > checkMillis) {
      lastCheck = now;
      registration.update().catch(() => {}); // no network: the next time
    }
  };

  // memcacheReload is what the button of the notice of a new version calls: the
  // waiting version takes over, and the page is loaded from it.
  window.memcacheReload = async () => {
    const waiting = (await navigator.serviceWorker?.getRegistration())?.waiting;
    if (!waiting) {
      location.reload();
      return;
    }
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    // A long download through the old version may hold the new one up.
    setTimeout(() => location.reload(), 3000);
    waiting.postMessage({ type: "skip-waiting" });
  };

  // -------------------------------------------- what go-app expects to find

  const env = {
    GOAPP_VERSION: "{{version}}",
    MEMCACHE_EXPOSED: "{{exposed}}",
    MEMCACHE_LOGIN: "{{login}}",
    GOAPP_STATIC_RESOURCES_URL: "",
    GOAPP_ROOT_PREFIX: "",
    GOAPP_INTERNAL_URLS: "null",
  };
  let installPrompt = null;

  window.goappNav = () => {};
  window.goappOnAppInstallChange = () => {};
  window.goappGetenv = (name) => env[name];
  window.goappIsAppInstalled = () =>
    window.matchMedia("(display-mode: standalone)").matches || navigator.standalone === true;
  window.goappIsAppInstallable = () => installPrompt !== null && !window.goappIsAppInstalled();
  window.goappShowInstallPrompt = async () => {
    const prompt = installPrompt;
    installPrompt = null;
    await prompt?.prompt();
    window.goappOnAppInstallChange();
  };

  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault(); // the app has a button of its own
    installPrompt = event;
    window.goappOnAppInstallChange();
  });
  window.addEventListener("appinstalled", () => {
    installPrompt = null;
    window.goappOnAppInstallChange();
  });

  // ------------------------------------------------------------------ begin

  // whenRead waits until the page has been read to its end, and wasm_exec.js, which
  // is deferred, has run or failed. This script may be done long before or after.
  function whenRead(then) {
    if (typeof Go === "function" || document.readyState === "complete") {
      then();
      return;
    }
    const once = () => {
      document.removeEventListener("DOMContentLoaded", once);
      window.removeEventListener("load", once);
      then();
    };
    document.addEventListener("DOMContentLoaded", once);
    window.addEventListener("load", once);
  }

  whenRead(start);
  window.addEventListener("online", window.memcacheCheckUpdate);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      window.memcacheCheckUpdate();
    }
  });
  setInterval(window.memcacheCheckUpdate, 60 * checkMillis);
})();
