/** The job schema as Markdown: a table for each kind of entry. */

import { z } from "zod";
import { wholeJobSchema } from "../commands/load-job.ts";

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** Markdown, ending with a line feed. */
export function jobReference(): string {
  const schema = z.toJSONSchema(wholeJobSchema(), { io: "input", unrepresentable: "any" }) as JsonSchema;
  const entry = (key: string): JsonSchema => objectOf(schema.properties?.[key]);
  const source = entry("sources");
  const sink = entry("sinks");
  const connectors = Object.entries({ ...objectOf(source.properties?.["from"]).properties });
  const sinkKinds = Object.entries(sink.properties ?? {}).filter(
    ([, value]) => objectOf(value).properties !== undefined,
  );
  return [
    section("A job", schema),
    section("A source: `sources: { NAME: … }`", source),
    ...connectors.map(([name, value]) => section(`\`from: { ${name}: … }\``, objectOf(value))),
    section("A static table: `tables: { NAME: … }`", entry("tables")),
    section("A query: `queries: { NAME: SQL }` or `queries: { NAME: … }`", entry("queries")),
    section("A sink: `sinks: [ … ]`", sink),
    ...sinkKinds.map(([name, value]) => section(`\`${name}: …\` of a sink`, flat(objectOf(value)))),
    section("An example: `tests: [ … ]`", entry("tests")),
  ].join("\n");
}

/** The object that a value is, or that its entries or alternatives are. */
function objectOf(schema: JsonSchema | undefined): JsonSchema {
  if (schema === undefined) return {};
  if (schema.properties !== undefined) return schema;
  if (schema.items !== undefined) return objectOf(schema.items);
  if (typeof schema.additionalProperties === "object") return objectOf(schema.additionalProperties);
  const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].map(objectOf);
  return alternatives.find((alternative) => alternative.properties !== undefined) ?? schema;
}

/** The keys of mappings in it too, as `mapping.key`. */
function flat(schema: JsonSchema): JsonSchema {
  const properties = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => [
    [key, value] as const,
    ...Object.entries(value.properties ?? {}).map(([inner, own]) => [`${key}.${inner}`, own] as const),
  ]);
  return { ...schema, properties: Object.fromEntries(properties) };
}

function section(title: string, schema: JsonSchema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const isRequired = schema.required?.includes(key) === true;
    const missing = isRequired ? "required" : "";
    const start = value.default === undefined ? missing : `\`${JSON.stringify(value.default)}\``;
    return `| \`${key}\` | ${typeOf(value)} | ${start} | ${escaped(value.description ?? "")} |`;
  });
  return `#### ${title}\n\n| key | takes | default | |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(" \\| ");
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (alternatives.length > 0) return [...new Set(alternatives.map(typeOf))].join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === "object") return "mapping";
  if (schema.type === "string") return "text";
  return schema.type ?? "anything";
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}
