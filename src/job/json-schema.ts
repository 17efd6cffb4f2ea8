/**
 * The schema of job files for editors: what `check` refuses, where a JSON Schema can say it. zod's own leaves
 * out what is told by functions: durations, sizes, endpoints, that a sink has one target. In the place of
 * each value there may be an environment variable.
 */

import { z } from "zod";
import type { JobSchema } from "./schema.ts";

interface Node {
  readonly [key: string]: unknown;
}

const VARIABLE = String.raw`\$\{[A-Za-z_]\w*(?::-[^}]*)?\}`;
const variable = { type: "string", pattern: VARIABLE } as const;

/** Of `fields.ts`: the format that marks a text, and what it may be. */
const FORMATS: Readonly<Record<string, readonly Node[]>> = {
  duration: [
    { type: "string", pattern: String.raw`^\s*(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)|0)\s*$` },
    { const: 0 },
  ],
  size: [
    {
      type: "string",
      pattern: String.raw`^\s*\d+(?:\.\d+)?\s*(?:B|kB|KB|MB|GB|KiB|MiB|GiB)\s*$|^\s*[1-9]\d*\s*$`,
    },
    { type: "integer", minimum: 1 },
  ],
};

/** Endpoint URLs by their beginnings; what has none is a path. */
const SCHEMES = String.raw`(?:file|tail):.|(?:kafka|http|tcp|syslog|syslog\+udp)://.`;
const READ_FROM = String.raw`^(?:-$|${SCHEMES}|(?![A-Za-z][\w+.-]*:).)`;
const WRITTEN_TO = String.raw`^(?:-$|file:.|kafka://.)`;

export function jobJsonSchema(schema: JobSchema): Node {
  const whole = withVariables(
    z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Node,
  ) as Node;
  const source = nodeAt(whole, "properties", "sources", "additionalProperties");
  const from = nodeAt(source, "properties", "from");
  const [, mapping] = from["anyOf"] as readonly Node[];
  const sinks = nodeAt(whole, "properties", "sinks");
  const sink = nodeAt(sinks, "items");
  const targets = Object.keys(nodeAt(sink, "properties")).filter((name) => name !== "from");
  return replaced(whole, [
    [
      from,
      { ...from, anyOf: [{ type: "string", pattern: `${READ_FROM}|${VARIABLE}` }, oneKey(mapping ?? {})] },
    ],
    [
      sink,
      {
        ...sink,
        properties: {
          ...nodeAt(sink, "properties"),
          to: { ...nodeAt(sink, "properties", "to"), pattern: `${WRITTEN_TO}|${VARIABLE}` },
        },
        oneOf: targets.map((name) => ({ required: [name] })),
      },
    ],
  ]) as Node;
}

function oneKey(mapping: Node): Node {
  return { ...mapping, minProperties: 1, maxProperties: 1 };
}

/** Each value that is no mapping or list may be a variable; marked texts are what their format says. */
function withVariables(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(withVariables);
  if (typeof tree !== "object" || tree === null) return tree;
  const node = tree as Node;
  const format = FORMATS[String(node["format"])];
  const { description, default: usual, propertyNames, ...rest } = node;
  const about = {
    ...(description === undefined ? {} : { description }),
    ...(usual === undefined ? {} : { default: usual }),
  };
  if (format !== undefined) return { ...about, anyOf: [...format, variable] };
  const isValue =
    "enum" in node ||
    "const" in node ||
    "pattern" in node ||
    isOfType(node, ["number", "integer", "boolean"]);
  if (isValue && typeof node["type"] === "string") return { ...about, anyOf: [rest, variable] };
  const inner = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, withVariables(value)]));
  return { ...about, ...(propertyNames === undefined ? {} : { propertyNames }), ...inner };
}

function isOfType({ type }: Node, types: readonly string[]): boolean {
  return typeof type === "string" && types.includes(type);
}

function nodeAt(node: Node, ...keys: readonly string[]): Node {
  return keys.reduce((inner, key) => inner[key] as Node, node);
}

/** The tree with other nodes in the place of some. */
function replaced(tree: unknown, pairs: readonly (readonly [Node, Node])[]): unknown {
  const pair = pairs.find(([node]) => node === tree);
  if (pair !== undefined) return pair[1];
  if (Array.isArray(tree)) return tree.map((item) => replaced(item, pairs));
  if (typeof tree !== "object" || tree === null) return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, replaced(value, pairs)]));
}
