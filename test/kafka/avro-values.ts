/** Avro types at random, with values for avsc and what the decoder's lines must say of them. */

import * as fc from "fast-check";

interface Sample {
  /** As avsc takes it. */
  readonly value: unknown;
  /** As `exactly` reads it. */
  readonly expected: unknown;
}

interface Kind {
  readonly schema: unknown;
  /** The name of the branch in a union. */
  readonly branch: string;
  readonly samples: fc.Arbitrary<Sample>;
}

const long = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 31n, 0n),
);
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const double = fc.double();
const text = fc.string({ unit: "binary" });
const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value));

const numberText = (value: number): string | null =>
  Number.isFinite(value) ? `#${Object.is(value, -0) ? "-0.0" : String(value)}` : null;

function kind<T>(
  schema: unknown,
  branch: string,
  values: fc.Arbitrary<T>,
  expected: (value: T) => unknown,
  encoded: (value: T) => unknown = (value) => value,
): Kind {
  const samples = values.map((value) => ({ value: encoded(value), expected: expected(value) }));
  return { schema, branch, samples };
}

const SCALARS: readonly Kind[] = [
  kind("null", "null", fc.constant(null), () => null),
  kind("boolean", "boolean", fc.boolean(), (value) => value),
  kind("int", "int", int, (value) => `#${value}`),
  kind("long", "long", long, (value) => `#${value}`),
  kind("float", "float", fc.float(), numberText),
  kind("double", "double", double, numberText),
  kind("string", "string", text, (value) => value),
  kind("bytes", "bytes", bytes, (value) => value.toString("base64")),
  kind({ type: "int", logicalType: "date" }, "int", fc.integer({ min: -700_000, max: 2_900_000 }), (day) =>
    new Date(day * 86_400_000).toISOString().slice(0, 10).replace("+0", ""),
  ),
  kind(
    { type: "long", logicalType: "timestamp-micros" },
    "long",
    fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
    (us) => isoOf(us, 1_000_000n, 6, "Z"),
  ),
  kind(
    { type: "long", logicalType: "local-timestamp-millis" },
    "long",
    fc.bigInt({ min: -62_135_596_800_000n, max: 253_402_300_799_999n }),
    (ms) => isoOf(ms, 1000n, 3, ""),
  ),
  kind(
    { type: "long", logicalType: "timestamp-nanos" },
    "long",
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    (ns) => isoOf(ns, 1_000_000_000n, 9, "Z"),
  ),
  kind(
    { type: "bytes", logicalType: "decimal", precision: 38, scale: 10 },
    "bytes",
    fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
    (unscaled) => decimalText(unscaled, 10),
    twosComplement,
  ),
  kind({ type: "string", logicalType: "uuid" }, "string", fc.uuid(), (value) => value),
];

/** Named types get a new name each. */
let names = 0;

const enumKind = fc.constant(null).map((): Kind => {
  const name = `Enum${(names += 1)}`;
  return kind({ type: "enum", name, symbols: ["A", "B"] }, name, fc.constantFrom("A", "B"), (value) => value);
});
const fixedKind = fc.integer({ min: 0, max: 20 }).map((size): Kind => {
  const name = `Fixed${(names += 1)}`;
  const values = fc.uint8Array({ minLength: size, maxLength: size }).map((value) => Buffer.from(value));
  return kind({ type: "fixed", name, size }, name, values, (value) => value.toString("base64"));
});

function listOf(item: Kind): Kind {
  const samples = fc.array(item.samples, { maxLength: 5 }).map((found) => ({
    value: found.map(({ value }) => value),
    expected: found.map(({ expected }) => expected),
  }));
  return { schema: { type: "array", items: item.schema }, branch: "array", samples };
}

function mapOf(item: Kind): Kind {
  const samples = fc
    .dictionary(fc.string(), item.samples, { maxKeys: 5, noNullPrototype: true })
    .map((found) => ({
      value: Object.fromEntries(Object.entries(found).map(([key, { value }]) => [key, value])),
      expected: Object.fromEntries(Object.entries(found).map(([key, { expected }]) => [key, expected])),
    }));
  return { schema: { type: "map", values: item.schema }, branch: "map", samples };
}

function nullable(item: Kind): Kind {
  if (Array.isArray(item.schema) || item.schema === "null") return item;
  const some = item.samples.map(({ value, expected }) => ({ value: { [item.branch]: value }, expected }));
  const samples = fc.oneof(fc.constant({ value: null, expected: null }), some);
  return { schema: ["null", item.schema], branch: "", samples };
}

function recordOf(fields: readonly Kind[]): Kind {
  const name = `Record${(names += 1)}`;
  const samples = fc.tuple(...fields.map((field) => field.samples)).map((found) => ({
    value: Object.fromEntries(found.map(({ value }, index) => [`f${index}`, value])),
    expected: Object.fromEntries(found.map(({ expected }, index) => [`f${index}`, expected])),
  }));
  const schemaFields = fields.map(({ schema }, index) => ({ name: `f${index}`, type: schema }));
  return { schema: { type: "record", name, fields: schemaFields }, branch: name, samples };
}

const { any } = fc.letrec<{ any: Kind }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...SCALARS),
    enumKind,
    fixedKind,
    tie("any").map(listOf),
    tie("any").map(mapOf),
    tie("any").map(nullable),
    fc.array(tie("any"), { maxLength: 4 }).map(recordOf),
  ),
}));

/** A record and some samples of it. */
export const recordsAtRandom = fc
  .array(any, { minLength: 1, maxLength: 6 })
  .map(recordOf)
  .chain(({ schema, samples }) =>
    fc.tuple(fc.constant(schema), fc.array(samples, { minLength: 1, maxLength: 5 })),
  );

function isoOf(count: bigint, perSecond: bigint, digits: number, zone: string): string {
  const fraction = ((count % perSecond) + perSecond) % perSecond;
  const second = new Date(Number((count - fraction) / perSecond) * 1000).toISOString().slice(0, 19);
  return `${second}.${String(fraction).padStart(digits, "0")}${zone}`;
}

function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? "-" : "";
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The highest byte first, in as many bytes as it takes. */
export function twosComplement(value: bigint): Buffer {
  let size = 1;
  while (BigInt.asIntN(size * 8, value) !== value) size += 1;
  const hex = BigInt.asUintN(size * 8, value)
    .toString(16)
    .padStart(size * 2, "0");
  return Buffer.from(hex, "hex");
}
