/** A Protobuf file with a field of every type, as the registry hands it out: its compiled descriptor. */

import {
  createFileRegistry,
  type DescMessage,
  fromJson,
  type JsonObject,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";

interface FieldOptions {
  readonly repeated?: boolean;
  readonly typeName?: string;
  readonly oneofIndex?: number;
  readonly proto3Optional?: boolean;
}

let fieldNumber = 0;

function field(name: string, type: string, { repeated, ...options }: FieldOptions = {}): JsonObject {
  const label = repeated === true ? "LABEL_REPEATED" : "LABEL_OPTIONAL";
  return { name, number: (fieldNumber += 1), type: `TYPE_${type}`, label, ...options };
}

function mapEntry(name: string, key: string, value: JsonObject): JsonObject {
  const keyField = { name: "key", number: 1, type: `TYPE_${key}`, label: "LABEL_OPTIONAL" };
  const valueField = { name: "value", number: 2, label: "LABEL_OPTIONAL", ...value };
  return { name, field: [keyField, valueField], options: { mapEntry: true } };
}

/** Scalars that are their own oracle's text: name → type. */
const SCALARS = {
  d: "DOUBLE",
  f: "FLOAT",
  i64: "INT64",
  u64: "UINT64",
  i32: "INT32",
  fx64: "FIXED64",
  fx32: "FIXED32",
  yes: "BOOL",
  text: "STRING",
  raw: "BYTES",
  u32: "UINT32",
  sfx32: "SFIXED32",
  sfx64: "SFIXED64",
  s32: "SINT32",
  s64: "SINT64",
} as const;

const scalarFields = Object.entries(SCALARS).flatMap(([name, type]) => [
  field(name, type),
  field(`${name}_list`, type, { repeated: true }),
]);

const FILE: JsonObject = {
  name: "every.proto",
  package: "every",
  syntax: "proto3",
  dependency: ["timestamp", "wrappers", "struct"].map((name) => `google/protobuf/${name}.proto`),
  enumType: [{ name: "Side", value: ["BUY", "SELL"].map((name, number) => ({ name, number })) }],
  messageType: [
    { name: "First", field: [{ name: "only", number: 1, type: "TYPE_INT32", label: "LABEL_OPTIONAL" }] },
    {
      name: "Every",
      field: [
        ...scalarFields,
        field("side", "ENUM", { typeName: ".every.Side" }),
        field("sides", "ENUM", { typeName: ".every.Side", repeated: true }),
        field("child", "MESSAGE", { typeName: ".every.Every" }),
        field("inner", "MESSAGE", { typeName: ".every.Every.Inner" }),
        field("inners", "MESSAGE", { typeName: ".every.Every.Inner", repeated: true }),
        field("by_name", "MESSAGE", { typeName: ".every.Every.ByNameEntry", repeated: true }),
        field("by_id", "MESSAGE", { typeName: ".every.Every.ByIdEntry", repeated: true }),
        field("at", "MESSAGE", { typeName: ".google.protobuf.Timestamp" }),
        field("total", "MESSAGE", { typeName: ".google.protobuf.Int64Value" }),
        field("json", "MESSAGE", { typeName: ".google.protobuf.Struct" }),
        field("or_text", "STRING", { oneofIndex: 0 }),
        field("or_inner", "MESSAGE", { oneofIndex: 0, typeName: ".every.Every.Inner" }),
        field("or_long", "INT64", { oneofIndex: 0 }),
        field("maybe", "INT32", { oneofIndex: 1, proto3Optional: true }),
      ],
      oneofDecl: [{ name: "either" }, { name: "_maybe" }],
      nestedType: [
        {
          name: "Inner",
          field: [
            { name: "a", number: 1, type: "TYPE_INT64", label: "LABEL_OPTIONAL" },
            { name: "b", number: 9, type: "TYPE_STRING", label: "LABEL_REPEATED" },
          ],
        },
        mapEntry("ByNameEntry", "STRING", { type: "TYPE_MESSAGE", typeName: ".every.Every.Inner" }),
        mapEntry("ByIdEntry", "INT64", { type: "TYPE_DOUBLE" }),
      ],
    },
  ],
};

const proto: FileDescriptorProto = fromJson(FileDescriptorProtoSchema, FILE);

/** As the registry's `format=serialized`. */
export const everySchema = serialized(proto);

export function serialized(file: FileDescriptorProto): { schemaType: string; schema: string } {
  const schema = Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString("base64");
  return { schemaType: "PROTOBUF", schema };
}

export const everyRegistry = createFileRegistry(proto, (name) =>
  [file_google_protobuf_timestamp, file_google_protobuf_wrappers, file_google_protobuf_struct].find(
    (file) => `${file.name}.proto` === name,
  ),
);

/** Stands at the path 1 of its file, `Inner` at 1.0. */
export const every: DescMessage = everyRegistry.getMessage("every.Every") as DescMessage;
