/** The browser that tests and measurements drive: this machine's Chrome or Chromium, else the one that npm carries.
 *
 *     node browser.ts     prints {"chromium": PATH, "noChromium": what to do without one}, and the same for Firefox
 */

import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, LaunchOptions } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const ON_MACOS = ["Google Chrome", "Chromium"].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
/** install.mjs unpacks npm's browser into this folder, with its libraries and a font. */
export const CARRIED = fileURLToPath(new URL("node_modules/.chromium/", import.meta.url));
const FIREFOXES = ["firefox-esr", "firefox"];
const WRAPPER = fileURLToPath(new URL("firefox.mjs", import.meta.url));
export const NO_FIREFOX = "no Firefox on this machine (Debian: apt install firefox-esr)";
export const MISSING =
  "no Chrome or Chromium on this machine (Debian: apt install chromium; Linux on x86-64: make browser)";

export interface Found {
  readonly executablePath: string;
  /** Variables that its process needs besides this one's environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Find this machine's browser on the path, on macOS also among the applications. */
export function installed(path = process.env["PATH"] ?? ""): Found | undefined {
  const onPath = NAMES.flatMap((name) => path.split(delimiter).map((folder) => join(folder, name)));
  const executablePath = [...onPath, ...(process.platform === "darwin" ? ON_MACOS : [])].find(isExecutable);
  return executablePath ? { executablePath, environment: {} } : undefined;
}

/** Find npm's browser, which install.mjs has unpacked. */
export function carried(folder = CARRIED): Found | undefined {
  const executablePath = join(folder, "chromium");
  if (!existsSync(executablePath)) return undefined;
  const environment = { LD_LIBRARY_PATH: join(folder, "al2023", "lib"), FONTCONFIG_FILE: join(folder, "fonts.conf") };
  return { executablePath, environment };
}

export function found(): Found | undefined {
  return installed() ?? carried();
}

/** Start the browser. Throws if there is none. */
export async function launch(options: LaunchOptions = {}): Promise<Browser> {
  const browser = found();
  if (!browser) throw new Error(MISSING);
  const { chromium } = await import("playwright-core");
  const { executablePath, environment } = browser;
  return chromium.launch({ ...options, executablePath, env: { ...process.env, ...environment } });
}

/** Find Firefox on the path. */
export function firefox(path = process.env["PATH"] ?? ""): string | undefined {
  const onPath = FIREFOXES.flatMap((name) => path.split(delimiter).map((folder) => join(folder, name)));
  return onPath.find(isExecutable);
}

/** Start Firefox. Throws if there is none. */
export async function launchFirefox(): Promise<Browser> {
  const found = firefox();
  if (!found) throw new Error(NO_FIREFOX);
  const { firefox: driven } = await import("playwright-core");
  // The wrapper is a script of Node.
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const env = { ...process.env, PATH: path, CADFEED_FIREFOX: found };
  return driven.launch({ channel: "moz-firefox", executablePath: WRAPPER, env });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const chromium = found()?.executablePath;
  const answer = { chromium, noChromium: MISSING, firefox: firefox(), noFirefox: NO_FIREFOX };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
