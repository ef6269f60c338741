// Installs a browser for the tests on a machine that has none: npm's Chromium, unpacked into node_modules beside this file.
// A failure is printed and the exit status is 0: without a browser, the tests that need one are skipped.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CARRIED, carried, installed, MISSING } from "./browser.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const LOCK = readFileSync(join(HERE, "package-lock.json"), "utf8");
const MARK = join(CARRIED, "package-lock.json");
// The machine's own fonts come first; a machine without fonts gets Chromium's.
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${join(CARRIED, "fonts", "fonts")}</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;

if (!installed() && !isCurrent()) {
  if (process.platform === "linux" && process.arch === "x64") await install();
  else say(MISSING);
}

function isCurrent() {
  return Boolean(carried()) && readFileSync(MARK, "utf8") === LOCK;
}

async function install() {
  say("no Chrome or Chromium on this machine: npm's goes into tools/browser/node_modules (70 MB)");
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  const npm = spawnSync("npm", ["ci", ...options], { cwd: HERE, stdio: ["ignore", "inherit", "inherit"] });
  if (npm.status !== 0) return say(MISSING);
  const staging = `${CARRIED.slice(0, -1)}.part`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  process.env.TMPDIR = staging; // The package unpacks into the folder for temporary files.
  const { default: chromium, inflate } = await import("@sparticuz/chromium");
  await chromium.executablePath();
  await inflate(fileURLToPath(new URL("../bin/al2023.tar.br", import.meta.resolve("@sparticuz/chromium"))));
  writeFileSync(join(staging, "fonts.conf"), FONTS);
  writeFileSync(join(staging, "package-lock.json"), LOCK);
  rmSync(CARRIED, { recursive: true, force: true });
  renameSync(staging, CARRIED);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}
