// The service worker: it opens the app without the network, and keeps what was
// seen last. The server writes the two values in double braces.
"use strict";

const version = "{{version}}";

// Everything that this version consists of, pages included: path → hash of its
// content, with which the ETag of the path begins.
const assets = new Map(Object.entries(JSON.parse(`{{assets}}`)));

const shellCache = "memcache-shell-" + version;
const seenCache = "memcache-seen";
const sharePath = "/share"; // as in the manifest

// Bounds of the seen cache.
const maxSeenEntries = 200;
const maxSeenBytes = 50 << 20;
const maxSeenEntryBytes = 10 << 20;

// ---------------------------------------------------------------- life cycle

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));

self.addEventListener("message", (event) => {
  switch (event.data?.type) {
    case "skip-waiting": // the user agreed to the new version
      event.waitUntil(self.skipWaiting());
      break;
    case "claim": // a page that the worker does not serve yet
      event.waitUntil(self.clients.claim());
      break;
    case "forget": // path: an object that is gone
      event.waitUntil(forget(new URL(event.data.path, location.origin).href));
      break;
    case "forget-all":
      event.waitUntil(forgetAll());
      break;
  }
});

// install fetches the whole version or fails: a part of it is worth nothing.
async function install() {
  try {
    const cache = await caches.open(shellCache);
    await Promise.all([...assets].map(([path, hash]) => fetchAsset(cache, path, hash)));
  } catch (err) {
    await caches.delete(shellCache);
    throw err;
  }
}

// fetchAsset asks the server whether the browser's own copy still holds, so
// that what the page has just loaded is not sent again. The hash makes sure
// that no file of another version slips in while the server is being replaced.
async function fetchAsset(cache, path, hash) {
  const response = await fetch(path, { cache: "no-cache" });
  const etag = response.headers.get("ETag") ?? "";
  if (response.status !== 200 || !etag.startsWith(`"${hash}`)) {
    throw new Error(`${path} is not that of version ${version}: status ${response.status}, ETag ${etag}`);
  }
  await cache.put(path, response);
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith("memcache-shell-") && name !== shellCache) {
      await caches.delete(name);
    }
  }
  await self.clients.claim();
}

// -------------------------------------------------------------------- fetch

self.addEventListener("fetch", (event) => {
  const request = event.request;
  const url = new URL(request.url);
  if (url.origin !== location.origin) {
    return;
  }
  if (request.method === "POST" && url.pathname === sharePath) {
    event.respondWith(share(request));
    return;
  }
  const data = /^\/(objects|api)(\/|$)/.test(url.pathname);
  if (request.method !== "GET") {
    if (data && request.method !== "HEAD") {
      event.waitUntil(forget(request.url));
    }
    return;
  }
  if (data) {
    // Parts of an object (video, audio) are none of our business, nor is what
    // opens by itself: a long download must not depend on the worker's life.
    if (!request.headers.has("Range") && request.mode !== "navigate") {
      event.respondWith(fromNetwork(event));
    }
  } else if (request.mode === "navigate") {
    event.respondWith(page(request, url.pathname));
  } else if (assets.has(url.pathname)) {
    event.respondWith(asset(request, url.pathname));
  }
});

// page answers a navigation. The pages of the app are the same for every query
// and come from the cache; what the server does not know either becomes the
// app's start page when there is no network.
async function page(request, path) {
  const cache = await caches.open(shellCache);
  const shell = assets.has(path) ? await cache.match(path) : undefined;
  if (shell) {
    return shell;
  }
  try {
    return await fetch(request);
  } catch {
    return (await cache.match("/")) ?? Response.error();
  }
}

async function asset(request, path) {
  const cache = await caches.open(shellCache);
  return (await cache.match(path)) ?? fetch(request);
}

// fromNetwork answers with what the network says, whatever it says, and only
// without a network with what was kept. Kept answers carry X-Kept-At.
async function fromNetwork(event) {
  const request = event.request;
  let response;
  try {
    response = await fetch(request);
  } catch {
    const cache = await caches.open(seenCache);
    return (await cache.match(request.url)) ?? Response.error();
  }
  if (keepable(response)) {
    event.waitUntil(keep(request.url, response.clone()));
  } else if (response.status === 404 || response.status === 410) {
    event.waitUntil(forget(request.url));
  }
  return response;
}

// ----------------------------------------------------------- the seen cache

// sizes has the bytes of each kept entry by its URL, oldest first. It is read
// from the cache once in the life of the worker.
let sizes;

// Changes are made one after the other, so that the bounds hold.
let changes = Promise.resolve();

function serially(change) {
  changes = changes.then(change).catch(giveUp);
  return changes;
}

// giveUp empties the cache when it cannot be written, for example because the
// disk is full: it is a convenience, never a reason to fail.
async function giveUp(err) {
  console.warn("what was seen last is forgotten:", err);
  sizes = undefined;
  await caches.delete(seenCache);
}

function keepable(response) {
  const length = Number(response.headers.get("Content-Length") ?? 0);
  const noStore = /\bno-store\b/.test(response.headers.get("Cache-Control") ?? "");
  return response.status === 200 && response.type === "basic" && length <= maxSeenEntryBytes && !noStore;
}

async function keep(url, response) {
  let body;
  try {
    body = await response.blob();
  } catch {
    return; // the connection broke, or the page did not want the rest
  }
  if (body.size > maxSeenEntryBytes) {
    return;
  }
  const headers = new Headers(response.headers);
  headers.delete("Vary"); // the URL alone tells entries apart
  headers.set("X-Kept-At", String(Date.now()));
  headers.set("X-Kept-Bytes", String(body.size));
  await serially(async () => {
    const cache = await caches.open(seenCache);
    await loadSizes(cache);
    await cache.delete(url); // so that it becomes the newest
    sizes.delete(url);
    await cache.put(url, new Response(body, { headers }));
    sizes.set(url, body.size);
    await trim(cache);
  });
}

async function loadSizes(cache) {
  if (sizes) {
    return;
  }
  sizes = new Map();
  for (const request of await cache.keys()) {
    const kept = await cache.match(request);
    sizes.set(request.url, Number(kept?.headers.get("X-Kept-Bytes") ?? 0));
  }
}

async function trim(cache) {
  let bytes = 0;
  for (const size of sizes.values()) {
    bytes += size;
  }
  for (const [url, size] of sizes) {
    if (bytes <= maxSeenBytes && sizes.size <= maxSeenEntries) {
      return;
    }
    await cache.delete(url);
    sizes.delete(url);
    bytes -= size;
  }
}

function forget(url) {
  return serially(async () => {
    const cache = await caches.open(seenCache);
    await cache.delete(url);
    sizes?.delete(url);
  });
}

function forgetAll() {
  return serially(async () => {
    sizes = undefined;
    await caches.delete(seenCache);
  });
}

// ------------------------------------------------------------------ sharing

// What is shared with the installed app comes as a form to this address, which
// only the worker knows. Its files go into the outbox of the app, of which package
// frontend-wasm/outbox tells more, and the app is opened. It sends them by itself
// where it is installed; in a browser's tab, where any page could have sent the
// form, the user has to say so.
async function share(request) {
  try {
    const form = await request.formData();
    await putIntoOutbox(form.getAll("files").filter((file) => file instanceof File));
    return Response.redirect("/?shared", 303);
  } catch (err) {
    console.warn("what was shared is not kept:", err);
    return Response.redirect("/?shared=failed", 303);
  }
}

async function putIntoOutbox(files) {
  const db = await openOutbox();
  try {
    const change = db.transaction(["items", "files"], "readwrite", { durability: "strict" });
    const done = new Promise((resolve, reject) => {
      change.oncomplete = resolve;
      change.onabort = () => reject(change.error);
    });
    files.forEach((file, n) => {
      const [id, token] = [randomID(), randomID()];
      const item = {
        id, token, kind: "upload", key: file.name, name: file.name, size: file.size, made: Date.now() + n, ifNew: true, shared: true,
      };
      change.objectStore("items").put({ id, owner: "", item: JSON.stringify(item) });
      change.objectStore("files").put({ id, file });
    });
    await done;
  } finally {
    db.close();
  }
}

function openOutbox() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("memcache-outbox", 1);
    request.onupgradeneeded = () => {
      for (const name of ["items", "files"]) {
        request.result.createObjectStore(name, { keyPath: "id" });
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function randomID() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
