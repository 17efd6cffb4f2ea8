/** npm run torture says how it is used. */

import { expect, test } from "bun:test";
import { run } from "../support/binary.ts";

const torture = (...flags: string[]) => run("bash", ["test/crash/run.sh", ...flags]);

for (const kind of [[], ["--kafka"], ["--disk"]])
  test(`help, and wrong flags${kind.join("")}`, async () => {
    const help = await torture(...kind, "--help");
    expect(help.code).toBe(0);
    for (const flag of ["--kafka", "--kills N", "--seed S"]) expect(help.stdout).toContain(flag);
    const wrong = await torture(...kind, "--kills", "many");
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('--kills must be a whole number over 0: found "many"');
    const unknown = await torture(...kind, "--kill");
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("--kills N");
  });
