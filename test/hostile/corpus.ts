/** Lines that somebody sends to do harm, or by mistake, without their line feeds: a few of each kind. */

import { utf8 } from "../formats/lines.ts";

export interface Hostile {
  readonly what: string;
  readonly bytes: Buffer;
}

/** Latin-1 text becomes bytes as it is, so `\xff` is the byte 255. */
function line(what: string, text: string): Hostile {
  return { what, bytes: Buffer.from(text, "latin1") };
}

const nestedLists = (depth: number): string => `${"[".repeat(depth)}1${"]".repeat(depth)}`;
export const nestedObjects = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

/** Deeper than what is taken: where lists and objects are followed, these lines are dead letters. */
export const DEEP: readonly Hostile[] = [
  line("objects just too deep", nestedObjects(201)),
  line("objects", nestedObjects(60_000)),
  line("lists in a value", `{"a":${nestedLists(170_000)}}`),
  line("lists alone", nestedLists(400_000)),
  line("both in turn", `${'{"a":['.repeat(70_000)}1${"]}".repeat(70_000)}`),
  line("behind spaces", `${" ".repeat(500)}${nestedObjects(40_000)}`),
  line("behind a string with a quote", `{"s":"\\"}]","a":${nestedLists(40_000)}}`),
];

/** Looks as deep, and is not. */
export const SHALLOW: readonly Hostile[] = [
  line("just deep enough", nestedObjects(200)),
  line("brackets in a string", `{"a":1,"s":"${"[{".repeat(50_000)}"}`),
  line("brackets behind a quote", `{"a":1,"s":"\\"${"[".repeat(50_000)}"}`),
  line("many lists side by side", `{"a":1,"l":[${"[],".repeat(50_000)}[]]}`),
];

export const ODD: readonly Hostile[] = [
  line("never closed", '{"a":'.repeat(100_000)),
  line("only closed", "}]".repeat(100_000)),
  // Width and size.
  line("many keys", `{${Array.from({ length: 5000 }, (_, index) => `"k${index}":${index}`).join(",")}}`),
  line("a long key", `{"${"k".repeat(300_000)}":1}`),
  line("a long value", `{"a":"${"x".repeat(1_000_000)}"}`),
  line("longer than a line may be", `{"a":"${"x".repeat(1_200_000)}"}`),
  line("many values", Array.from({ length: 50_000 }, (_, index) => index).join(",")),
  line("many pairs", Array.from({ length: 20_000 }, (_, index) => `k${index}=${index}`).join(" ")),
  // Encodings.
  line("UTF-16", `\xff\xfe${Array.from('{"a":1}', (letter) => `${letter}\0`).join("")}`),
  line("marks", `${utf8("\ufeff\ufeff")}{"a":1}`),
  line("a mark within", `{"a":1,"${utf8("\ufeff")}":2}`),
  line("no UTF-8", '{"a":"\xff\xfe\x80"}'),
  line("overlong", '{"a":"\xc0\xaf"}'),
  line("a surrogate in UTF-8", '{"a":"\xed\xa0\x80"}'),
  line("half a character", '{"a":"\xf0\x9f\x98'),
  line("half a pair", '{"a":"\\ud800"}'),
  line("half a pair as a key", '{"\\udc00":1}'),
  // Control characters.
  line("NUL", "\0"),
  line("NULs", "\0".repeat(5000)),
  line("a NUL in a value", '{"a":"\0"}'),
  line("an escaped NUL", '{"a":"\\u0000"}'),
  line("controls", '{"a":"\x01\x07\x1b[2J\x7f"}'),
  line("returns", "\r\r\r"),
  line("a return within", '{"a":\r1}'),
  line("line ends of Unicode", utf8('{"a":"\u2028\u2029\u0085"}')),
  line("stand-ins of ours", "\x1e\x1f\x1d\x1c"),
  // Keys.
  line("an empty key", '{"":1}'),
  line("a NUL key", '{"a\\u0000b":1}'),
  line("keys alike", '{"a":1,"A":2}'),
  line("a key twice", '{"a":1,"a":2}'),
  line("keys of ours", '{"_op":1,"_batch":2,"_number":3,"__proto__":4,"constructor":5,"rowid":6}'),
  line("keys with quotes and dots", '{"q\\"uo\'te.and[0]$":1,"back\\\\slash":2,"new\\nline":3}'),
  line("words of SQL", '{"select":1,"from":2,"key":3,"value":4,"index":5,"line":6,"kind":7}'),
  line("odd keys inside", '{"x":{"":1,"a":2,"A":3,"a\\u0000b":[4]}}'),
  // Numbers.
  line("too large", '{"a":1e400}'),
  line("minus zero", '{"a":-0}'),
  line("zeros in front", '{"a":00}'),
  line("many digits", `{"a":${"9".repeat(100_000)}}`),
  line("a long fraction", `{"a":0.${"3".repeat(100_000)}}`),
  line("a huge exponent", '{"a":1e99999999999}'),
  line("no number", '{"a":NaN,"b":-Infinity}'),
  line("a point alone", '{"a":1.}'),
  // What is no record at all.
  line("a number", "42"),
  line("a list", "[1,2]"),
  line("a text", '"text"'),
  line("null", "null"),
  line("an empty object", "{}"),
  line("two records", '{"a":1}{"a":2}'),
  line("an open quote", 'a,"b'),
  line("quotes", '"'.repeat(100_000)),
  line("backslashes", "\\".repeat(100_000)),
  line("spaces", " ".repeat(100_000)),
  line("brackets of a log", `${"[".repeat(50_000)} "GET`),
  line("a priority", "<999999999999>1 - - - - - -"),
  line("structured data", `<13>1 - - - - - ${'[a b="c"]'.repeat(10_000)}`),
  line("fields", `#Fields: ${"x ".repeat(10_000)}`),
  line("markup", "<script>alert(1)</script>'; DROP TABLE s; --"),
];
