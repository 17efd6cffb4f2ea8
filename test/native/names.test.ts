/**
 * A new version of Kafka's package may use names that our headers (src/native/kafka) don't have, or use the
 * old ones in another way: its version is pinned, and each name it uses must be declared.
 */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../tidy/tree.ts";
import { declaredNames, usedMethods, usedNames } from "./names.ts";

const PACKAGE = join(ROOT, "node_modules/@confluentinc/kafka-javascript");
const HEADERS = ["nan.h", "v8.h", "node.h", "node_buffer.h", "uv.h"];
const VERSION = "1.10.1";

const read = (folder: string, names: readonly string[]) =>
  names.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
const sources = read(join(PACKAGE, "src"), readdirSync(join(PACKAGE, "src")).toSorted());
const declared = declaredNames(read(join(ROOT, "src/native/kafka"), HEADERS));

function missing(source: string): string[] {
  return [...usedNames(source)].filter((name) => !declared.has(name.split("::").at(-1) ?? "")).toSorted();
}

/** The package's own methods are declared in its headers. */
function missingMethods(source: string): string[] {
  const headers = readdirSync(join(PACKAGE, "src")).filter((name) => name.endsWith(".h"));
  const own = declaredNames(read(join(PACKAGE, "src"), headers));
  return [...usedMethods(source)].filter((name) => !declared.has(name) && !own.has(name)).toSorted();
}

describe("the package's names", () => {
  test("its version is pinned, and is the one that is installed", () => {
    const ours = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const installed = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as {
      readonly version: string;
    };
    expect(ours.dependencies["@confluentinc/kafka-javascript"]).toBe(VERSION);
    expect(installed.version).toBe(VERSION);
  });

  test("are all declared by our headers", () => expect(missing(sources)).toEqual([]));

  test("and so are V8's methods that it calls", () => expect(missingMethods(sources)).toEqual([]));
});

describe("a name that is not declared is caught", () => {
  test("of each kind", () => {
    const source = "Nan::Brandnew(x); v8::Map m; node::Buffer::Concat(); uv_timer_init(t); NAN_GETTER(f)";
    expect(missing(source)).toEqual([
      "NAN_GETTER",
      "Nan::Brandnew",
      "node::Concat",
      "uv_timer_init",
      "v8::Map",
    ]);
  });

  test("but not in comments, and not one that is", () => {
    expect(
      missing("// Nan::Brandnew\n/* v8::Map */ Nan::Set(a, b, c); uv_close(h, f); NAN_METHOD(F)"),
    ).toEqual([]);
  });

  test("among methods", () => {
    expect(missingMethods("x->IsString(); y.Brandnew(1); z->As<v8::Map>(); w->IsDate();")).toEqual([
      "Brandnew",
      "IsDate",
    ]);
  });
});
