import { defineConfig } from "vitest/config";

export default defineConfig({
  build: {
    // Nothing inline: the page's policy allows its own files only, no `data:`.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  test: {
    include: ["tests/**/*.test.ts"],
    reporters: ["dot"],
  },
});
