/** A reporter for the end of `make test`: what was skipped for want of a browser, and what failed at the first try. */

import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { MISSING } from "../../tools/browser/browser.ts";

export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")]).length;
    if (skipped) note("CADFEED_SKIPPED", `${skipped} tests of the page: ${MISSING}`);
    for (const test of modules.flatMap((module) => [...module.children.allTests("passed")])) {
      if (!test.diagnostic()?.flaky) continue;
      const [error] = test.result().errors ?? [];
      note("CADFEED_TRIED_AGAIN", `${test.module.relativeModuleId}: ${test.fullName}: ${firstLine(error?.message)}`);
    }
  }
}

function note(fileSetting: string, line: string): void {
  const file = process.env[fileSetting];
  if (file) appendFileSync(file, `  ${line}\n`);
}

function firstLine(text = ""): string {
  return text.split("\n")[0] ?? "";
}
