/** Partition folders are called as Hive calls them. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  escapeValue,
  partitionPath,
  unescapeValue,
  valuesOfPath,
} from "../../src/warehouse/partition-path.ts";

test("Hive's own list is escaped, in upper case", () => {
  expect(escapeValue(`"#%'*/:=?\\{[]^\u007f\u0001\n`)).toBe(
    "%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%5B%5D%5E%7F%01%0A",
  );
});

test("a space and letters of other tongues stay", () => {
  expect(escapeValue("New York ~!$&(),;@`|}ä日🎉")).toBe("New York ~!$&(),;@`|}ä日🎉");
});

test("NULL and the empty text are one partition", () => {
  const folder = "__HIVE_DEFAULT_PARTITION__";
  expect([escapeValue(null), escapeValue("")]).toEqual([folder, folder]);
  expect(unescapeValue("__HIVE_DEFAULT_PARTITION__")).toBeNull();
});

test("a percent sign that escapes nothing is itself", () => {
  expect(unescapeValue("100% sure%2")).toBe("100% sure%2");
});

test("every value comes back from its path", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", minLength: 1 }), { minLength: 1 }), (values) => {
      const names = values.map((_, index) => `p${index}`);
      const path = partitionPath(names, values);
      expect(path.split("/")).toHaveLength(values.length);
      expect([...valuesOfPath(path).values()]).toEqual(values);
    }),
  );
});
