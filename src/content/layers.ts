/**
 * What is in a file, layer by layer: packed bytes are unpacked, text that is marked or declared to be in
 * another encoding becomes UTF-8, and JSON that is printed for people becomes one value a line. The same
 * comes out whenever and wherever the file is read.
 */

import { byteReader } from "./byte-reader.ts";
import type { Chunks, Ending } from "./ending.ts";
import { isJsonDocument, valuesAsLines } from "./json-values.ts";
import { SIGNATURE_BYTES, type Signature, signatureOf } from "./signatures.ts";
import { type Fault, faultOf, unpacked } from "./unpack.ts";

export interface Layers {
  /** What was done to come to the content, like `gzip` or `zstd latin1`; empty where nothing was. */
  readonly how: string;
  /** What the innermost content is, where it is no text. */
  readonly inner: Exclude<Signature, { is: "packed" | "marked" }>;
  /**
   * The content, a chunk at a time, and at its end what is wrong with it: `cut off` may be mended by what is
   * still being written.
   */
  readonly content: AsyncGenerator<Buffer, Fault | undefined>;
  /** Ends the content wherever it is, and what it is read from. */
  close(): Promise<void>;
}

/** Packed again and again, somebody wants us busy. */
const MAX_LAYERS = 3;

export interface LayerOptions {
  /** The declared one: nothing is text as it is then. */
  readonly encoding?: string | undefined;
  /** Whether values of JSON are looked for: those that are not a line each become one. */
  readonly isJson?: boolean;
}

/** What is done to JSON that is not a line each. */
const JSON_VALUES = "json values";

/** Reads the first bytes; whoever gets the layers must close them. */
export async function openLayers(chunks: Chunks, options: LayerOptions = {}): Promise<Layers> {
  const how: string[] = [];
  const faults: Fault[] = [];
  let outer = chunks;
  for (;;) {
    const reader = byteReader(outer);
    const signature = signatureOf(await reader.peek(SIGNATURE_BYTES));
    const all = rest(reader);
    if (signature.is === "packed" && how.length < MAX_LAYERS) {
      how.push(signature.how);
      outer = noting(unpacked(signature.how, all), signature.how, faults);
      continue;
    }
    const decoded = options.encoding ?? (signature.is === "marked" ? signature.encoding : undefined);
    if (decoded !== undefined) how.push(decoded);
    const text = byteReader(decoded === undefined ? all : inUtf8(all, decoded));
    const start = options.isJson === true ? (await text.peek(SIGNATURE_BYTES)).toString("utf8") : "";
    const isDocument = (decoded !== undefined || signature.is === "text") && isJsonDocument(start);
    if (isDocument) how.push(JSON_VALUES);
    const content = ended(isDocument ? valuesAsLines(rest(text)) : rest(text), faults);
    return {
      how: how.join(" "),
      inner: decoded === undefined ? innerOf(signature) : { is: "text" },
      content,
      async close() {
        await content.return(undefined);
        // A content of which nothing was read has nothing to end.
        await text.close();
        await reader.close();
      },
    };
  }
}

function innerOf(signature: Signature): Layers["inner"] {
  if (signature.is === "packed")
    return { is: "foreign", what: `compressed more than ${MAX_LAYERS} times`, remedy: "unpack it first" };
  return signature.is === "marked" ? { is: "text" } : signature;
}

async function* rest(reader: ReturnType<typeof byteReader>): AsyncGenerator<Buffer, void> {
  try {
    while ((await reader.peek(1)).length > 0) yield await reader.takeSome(Number.MAX_SAFE_INTEGER);
  } finally {
    await reader.close();
  }
}

/** The bytes; the fault at their end comes first of those that follow from it. */
async function* noting(
  from: AsyncGenerator<Buffer, Ending>,
  how: "gzip" | "zstd",
  faults: Fault[],
): AsyncGenerator<Buffer, void> {
  const fault = faultOf(yield* from, how);
  if (fault !== undefined) faults.push(fault);
}

async function* ended(
  from: AsyncGenerator<Buffer, void>,
  faults: readonly Fault[],
): AsyncGenerator<Buffer, Fault | undefined> {
  yield* from;
  return faults[0];
}

async function* inUtf8(from: AsyncGenerator<Buffer, void>, encoding: string): AsyncGenerator<Buffer, void> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of from) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== "") yield Buffer.from(text);
  }
  const last = decoder.decode();
  if (last !== "") yield Buffer.from(last);
}
