/// <reference types="vitest/config" />
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { LANGUAGES, words } from "./words.ts";

const CATALOGUE = "virtual:catalogue";
const PRELOAD = "\0vite/preload-helper.js";
const CLIENT = fileURLToPath(new URL("../clients/typescript/src/", import.meta.url));
const SHELL = "virtual:shell";
/** A file that a page or a script names; those of the charts and the explanations are of no use without prices. */
const ASSET = /(?:\.|assets)\/([\w.-]+-[\w-]{8}\.(?:js|css|svg))/g;
const NEEDS_THE_FEED = /^(?:canvas|chart|why)-/;
const DIST = fileURLToPath(new URL("dist/", import.meta.url));
const ASSETS = fileURLToPath(new URL("../shared/model/assets.json", import.meta.url));

/** What is built by itself, by the mode of the build: what two builds share would be a file that both have to wait for. */
const INPUTS: Record<string, string> = { worker: "src/worker/worker.ts", embed: "embed.html" };
const PAGE = "production";

export default defineConfig(({ mode }) => ({
  plugins: [words(languageOf(mode)), catalogue(), preload(), shell()],
  resolve: {
    alias: [
      { find: /^cadfeed-client$/, replacement: `${CLIENT}index.ts` },
      { find: /^cadfeed-client\//, replacement: CLIENT },
    ],
  },
  build: {
    // Nothing inline: the page's policy allows only its own files, no `data:`.
    assetsInlineLimit: 0,
    modulePreload: false,
    // The page is built first.
    emptyOutDir: mode === PAGE,
    copyPublicDir: mode === PAGE,
    // A library's licence must go with it: comments with `@license` stay in the file.
    rolldownOptions: {
      input: INPUTS[mode.split("-", 1).join()] ?? "index.html",
      output: {
        comments: { legal: true },
        // A browser finds a new worker at the old one's address.
        ...(mode === "worker" && { entryFileNames: "worker.js" }),
      },
    },
  },
  test: {
    // `tests/stack` needs a local stack: tests/e2e/page_on_stack.py starts the stack and these tests.
    include: process.env["CADFEED_STACK"] ? ["tests/stack/*.test.ts"] : ["tests/*.test.ts", "tests/page/*.test.ts"],
    reporters: ["dot", "./tests/summary.ts"],
    // Tests in a browser mostly wait for it, so two files at once take half the time, on two cores as well.
    maxWorkers: 2,
    // As in the Makefile for pytest: a failure has to happen twice. The summary names those that passed then.
    retry: 1,
    // A browser beside another one may take seconds for a frame.
    expect: { poll: { timeout: 10_000 } },
  },
}));

/** Replaces Vite's own helper by src/preload.ts. */
function preload(): Plugin {
  return {
    name: "preload",
    enforce: "pre",
    resolveId: (id) => (id === PRELOAD ? fileURLToPath(new URL("src/preload.ts", import.meta.url)) : undefined),
  };
}

/** The part of the catalogue that the page needs, without the markets, which are most of it. */
function catalogue(): Plugin {
  return {
    name: "catalogue",
    resolveId: (id) => (id === CATALOGUE ? `\0${CATALOGUE}` : undefined),
    load(id) {
      if (id !== `\0${CATALOGUE}`) return undefined;
      this.addWatchFile(ASSETS);
      const assets: { asset: string; name: string; renamed_to?: string }[] = JSON.parse(readFileSync(ASSETS, "utf8"));
      const rows = assets.map(({ asset, name, renamed_to: renamedTo }) => [
        asset,
        name,
        ...(renamedTo ? [renamedTo] : []),
      ]);
      return `export default ${JSON.stringify(rows)}`;
    },
  };
}

/** The language of a build: that of `fr` and `embed-fr` is French. */
function languageOf(mode: string): string | undefined {
  return Object.keys(LANGUAGES).find((language) => mode === language || mode.endsWith(`-${language}`));
}

/** The page in each language and the files that it can use without a network, as the service worker keeps them. */
function shell(): Plugin {
  return {
    name: "shell",
    resolveId: (id) => (id === SHELL ? `\0${SHELL}` : undefined),
    load(id) {
      if (id !== `\0${SHELL}`) return undefined;
      const pages = ["index", ...Object.keys(LANGUAGES)].map((name) => [name, keptWith(`${name}.html`)]);
      return `export default ${JSON.stringify(Object.fromEntries(pages))}`;
    },
  };
}

function keptWith(name: string): { url: string; revision: string | null }[] {
  const page = readFileSync(`${DIST}${name}`, "utf8");
  const files = new Set<string>();
  const add = (text: string): void => {
    for (const [, file = ""] of text.matchAll(ASSET)) {
      if (files.has(file) || NEEDS_THE_FEED.test(file)) continue;
      files.add(file);
      if (file.endsWith(".js")) add(readFileSync(`${DIST}assets/${file}`, "utf8"));
    }
  };
  add(page);
  return [
    { url: `/${name}`, revision: createHash("sha256").update(page).digest("hex") },
    ...Array.from(files, (file) => ({ url: `/assets/${file}`, revision: null })),
  ];
}
