/** Every function of the DuckDB that runs is one that the planner was told of. */

import { expect, test } from "bun:test";
import { functionLists } from "../../../src/build/functions.ts";
import {
  isAggregate,
  isMacro,
  isOfItsRow,
  isVolatile,
  makesRows,
} from "../../../src/sql/functions/classes.ts";
import { KNOWN } from "../../../src/sql/functions/known.ts";

const namesIn = (text: string): readonly string[] => text.trim().split(/\s+/);

test("the list has DuckDB's functions, all of them and no others", async () => {
  const found = Object.fromEntries(
    [...(await functionLists())].map(([type, names]) => [type, namesIn(names)]),
  );
  const known = Object.fromEntries(Object.entries(KNOWN).map(([type, names]) => [type, namesIn(names)]));
  expect(found, "give new functions a class in classes.ts, then run src/build/functions.ts").toEqual(known);
});

test("a function has one class", () => {
  for (const name of [...namesIn(KNOWN.scalar), ...namesIn(KNOWN.macro)])
    expect([name, [isOfItsRow(name), isVolatile(name), makesRows(name)].filter(Boolean).length]).toEqual([
      name,
      1,
    ]);
});

test.each([
  ["current_localtimestamp", isVolatile],
  ["current_setting", isVolatile],
  ["uuidv7", isVolatile],
  ["reservoir_quantile", isVolatile],
  ["reservoir_quantile", isAggregate],
  ["sum", isAggregate],
  ["geomean", isMacro],
  ["histogram_values", isMacro],
  ["generate_subscripts", makesRows],
  ["upper", isOfItsRow],
  ["list_sum", isOfItsRow],
] as const)("%s: %p", (name, is) => expect(is(name)).toBe(true));
