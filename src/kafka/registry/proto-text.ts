/**
 * The text of `.proto` files → compiled descriptors. Confluent's registry compiles them itself when it is
 * asked to (`format=serialized`); others, Apicurio for one, answer with the text all the same.
 */

import type { Enum, Field, NamespaceBase, Root, Type } from "protobufjs";
import { StreamkitError } from "../../base/error.ts";

type Json = Readonly<Record<string, unknown>>;

/** Descriptors come as base64, which has none of the marks that every line of a text has. */
export function isProtoText(schema: string): boolean {
  return !/^[\w+/=\s]*$/.test(schema);
}

/**
 * `files` are texts by the names that they import each other by; the answer, descriptors in base64 by the
 * same. What Google and Confluent publish need not be among them. Throws code `input` for what is no schema.
 */
export async function compileProtoTexts(files: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const { default: protobuf } = await import("protobufjs");
  const { default: descriptor } = await import("protobufjs/ext/descriptor/index.js");
  const { FileDescriptorProto } = descriptor;
  const root = new protobuf.Root();
  const parsed = new Map<string, Json>();
  for (const [name, text] of files) {
    if (!isProtoText(text))
      throw new StreamkitError("input", `"${name}" is a compiled descriptor, what imports it is a text`);
    // The parser notes this name on all that it finds.
    (protobuf.parse as { filename?: string }).filename = name;
    const found = protobuf.parse(text, root, { keepCase: true });
    const imports = [...(found.imports ?? []), ...(found.weakImports ?? [])];
    for (const path of imports) {
      const common = protobuf.common.get(path);
      if (common !== null && common.nested !== undefined && !files.has(path)) root.addJSON(common.nested);
    }
    parsed.set(name, {
      name,
      syntax: syntaxOf(name, text),
      dependency: imports,
      ...(found.package === undefined ? {} : { package: found.package }),
    });
  }
  const descriptors = new Map<string, string>();
  for (const [name, head] of parsed) {
    const file = { ...head, ...membersOf(packageOf(root, head["package"]), name) };
    const bytes = FileDescriptorProto.encode(FileDescriptorProto.fromObject(file)).finish();
    descriptors.set(name, Buffer.from(bytes).toString("base64"));
  }
  return descriptors;
}

function syntaxOf(name: string, text: string): string {
  const [, key, value = "proto2"] =
    /^\s*(syntax|edition)\s*=\s*["'](\w+)["']/m.exec(text.replaceAll(/\/\*[\s\S]*?\*\//g, "")) ?? [];
  if (key === "edition")
    throw new StreamkitError("input", `"${name}" is of edition ${value}: the registry must compile it`);
  return value;
}

function packageOf(root: Root, name: unknown): NamespaceBase {
  return (typeof name === "string" ? root.lookup(name) : root) as NamespaceBase;
}

/** The messages and enums that stand in a namespace and, at the top level, in this file. */
function membersOf(namespace: NamespaceBase, fileName?: string): Json {
  const members = namespace.nestedArray.filter(
    ({ filename }) => fileName === undefined || filename === fileName,
  );
  return {
    [fileName === undefined ? "nestedType" : "messageType"]: members.filter(isType).map(messageOf),
    enumType: members.filter(isEnum).map(({ name, values }) => ({
      name,
      value: Object.entries(values).map(([name, number]) => ({ name, number })),
    })),
  };
}

/** A namespace may be a message as well; an enum has values. */
function isType(found: object): found is Type {
  return "fieldsArray" in found;
}

function isEnum(found: object): found is Enum {
  return "values" in found && "valuesById" in found;
}

function messageOf(type: Type): Json {
  // Those that stand for `optional` alone come last.
  const oneofs = type.oneofsArray.toSorted((a, b) => Number(isSynthetic(a)) - Number(isSynthetic(b)));
  const nested = membersOf(type);
  const entries = type.fieldsArray.filter((field) => field.map).map(mapEntryOf);
  return {
    name: type.name,
    ...nested,
    nestedType: [...(nested["nestedType"] as Json[]), ...entries],
    oneofDecl: oneofs.map(({ name }) => ({ name })),
    field: type.fieldsArray.map((field) => ({
      ...(field.map
        ? { type: "TYPE_MESSAGE", typeName: `${type.fullName}.${entryName(field)}` }
        : typeOf(field)),
      name: field.name,
      number: field.id,
      label: `LABEL_${field.map || field.repeated ? "REPEATED" : field.required ? "REQUIRED" : "OPTIONAL"}`,
      ...(field.partOf === null ? {} : { oneofIndex: oneofs.indexOf(field.partOf) }),
      ...(field.partOf !== null && isSynthetic(field.partOf) ? { proto3Optional: true } : {}),
    })),
  };
}

function isSynthetic({ options }: { readonly options?: Json | undefined }): boolean {
  return options?.["proto3_optional"] === true;
}

/** A map is a list of messages of a key and a value. */
function mapEntryOf(field: Field): Json {
  const { keyType } = field as Field & { readonly keyType: string };
  const key = { name: "key", number: 1, label: "LABEL_OPTIONAL", type: `TYPE_${keyType.toUpperCase()}` };
  const value = { ...typeOf(field), name: "value", number: 2, label: "LABEL_OPTIONAL" };
  return { name: entryName(field), field: [key, value], options: { mapEntry: true } };
}

function entryName({ name }: Field): string {
  return `${name.replaceAll(/(?:^|_)(.)/g, (_, first: string) => first.toUpperCase())}Entry`;
}

function typeOf(field: Field): Json {
  if (/^(?:double|float|u?int(?:32|64)|sint(?:32|64)|s?fixed(?:32|64)|bool|string|bytes)$/.test(field.type))
    return { type: `TYPE_${field.type.toUpperCase()}` };
  const resolved = resolvedType(field);
  if (resolved === undefined) return { type: "TYPE_MESSAGE", typeName: `.${field.type.replace(/^\./, "")}` };
  const { fullName: typeName } = resolved;
  if (isEnum(resolved)) return { type: "TYPE_ENUM", typeName };
  const { group: isGroup } = resolved as Type & { readonly group?: boolean };
  return { type: isGroup === true ? "TYPE_GROUP" : "TYPE_MESSAGE", typeName };
}

/** Undefined for what is published by Google or Confluent and not at hand here. */
function resolvedType(field: Field): Type | Enum | undefined {
  try {
    // `field.resolve()` would resolve all fields of the message at once.
    return field.parent?.lookupTypeOrEnum(field.type);
  } catch (error) {
    if (/^\.?(?:google|confluent)\./.test(field.type)) return undefined;
    throw new StreamkitError("input", `The type "${field.type}" is not defined`, { cause: error });
  }
}
