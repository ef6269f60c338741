/**
 * The page's service worker. It keeps the page and the files that it uses, so that the page and its settings open without
 * a network. It keeps no price: everything else goes past it, to the network.
 *
 * The page itself comes from the network wherever there is one, so a new version shows at the next load.
 * https://developer.chrome.com/docs/workbox/modules/workbox-precaching
 */

import shell from "virtual:shell";
import { clientsClaim } from "workbox-core";
import { cleanupOutdatedCaches, PrecacheFallbackPlugin, precacheAndRoute } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";
import { NetworkOnly } from "workbox-strategies";

declare const self: ServiceWorkerGlobalScope;

const PAGE = /^\/(?:\?|$)/;
/** The page names its language when it registers the worker: a worker reads no cookie. */
const kept = shell[new URLSearchParams(location.search).get("lang") === "fr" ? "fr" : "index"];

void self.skipWaiting();
clientsClaim();
cleanupOutdatedCaches();
// Before the kept files: the page is one of them.
const page = new NetworkOnly({ plugins: [new PrecacheFallbackPlugin({ fallbackURL: kept[0].url })] });
registerRoute(new NavigationRoute(page, { allowlist: [PAGE] }));
precacheAndRoute([...kept]);

/** A price alert was clicked: show the page. */
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    self.clients.matchAll({ type: "window" }).then(([page]) => page?.focus() ?? self.clients.openWindow("/")),
  );
});
