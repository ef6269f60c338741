import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

const CATALOGUE = "virtual:catalogue";
const PRELOAD = "\0vite/preload-helper.js";
const CLIENT = fileURLToPath(new URL("../clients/typescript/src/", import.meta.url));
const ASSETS = fileURLToPath(new URL("../shared/model/assets.json", import.meta.url));

export default defineConfig({
  plugins: [catalogue(), preload()],
  resolve: {
    alias: [
      { find: /^cadfeed-client$/, replacement: `${CLIENT}index.ts` },
      { find: /^cadfeed-client\//, replacement: CLIENT },
    ],
  },
  build: {
    // Nothing inline: the page's policy allows its own files only, no `data:`.
    assetsInlineLimit: 0,
    modulePreload: false,
    // Who is given a library is given its licence: what `@license` marks stays in the file.
    rolldownOptions: { output: { comments: { legal: true } } },
  },
  test: {
    // Those on a whole stack need one: tests/e2e/test_page_on_stack.py starts it, and them.
    include: process.env["CADFEED_STACK"] ? ["tests/stack/*.test.ts"] : ["tests/*.test.ts", "tests/page/*.test.ts"],
    reporters: ["dot"],
  },
});

/** Vite's own helper, replaced: see src/preload.ts. */
function preload(): Plugin {
  return {
    name: "preload",
    enforce: "pre",
    resolveId: (id) => (id === PRELOAD ? fileURLToPath(new URL("src/preload.ts", import.meta.url)) : undefined),
  };
}

/** What the page needs of the catalogue, and not the markets, which are most of it. */
function catalogue(): Plugin {
  return {
    name: "catalogue",
    resolveId: (id) => (id === CATALOGUE ? `\0${CATALOGUE}` : undefined),
    load(id) {
      if (id !== `\0${CATALOGUE}`) return undefined;
      this.addWatchFile(ASSETS);
      const assets: { asset: string; name: string; renamed_to?: string }[] = JSON.parse(readFileSync(ASSETS, "utf8"));
      const rows = assets.map(({ asset, name, renamed_to: renamedTo }) => [`${asset}_CAD`, name, ...(renamedTo ? [`${renamedTo}_CAD`] : [])]);
      return `export default ${JSON.stringify(rows)}`;
    },
  };
}
