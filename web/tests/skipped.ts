/** A reporter that writes down how many tests were skipped for want of a browser; `make test` prints it at its end. */

import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { MISSING } from "../../tools/browser/browser.ts";

export default class Skipped implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const gathered = process.env["CADFEED_SKIPPED"];
    const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")]).length;
    if (gathered && skipped) appendFileSync(gathered, `  ${skipped} tests of the page: ${MISSING}\n`);
  }
}
