/** What is in a file, found from its bytes, and whether the job can read that. */

import { open } from "node:fs/promises";
import { isJsonDocument } from "../../content/json-values.ts";
import { mayBecomeMore, SIGNATURE_BYTES, type Signature, signatureOf } from "../../content/signatures.ts";
import type { CodedFiles } from "./coded.ts";
import type { Progress } from "./position.ts";

/** `unclear`: so few bytes are there that more of them may say otherwise. */
type FileKind =
  | { readonly is: "plain" | "unclear" | "parquet" }
  | { readonly is: "coded"; readonly how: string }
  | Refusal;

export interface Refusal {
  readonly is: "refused";
  /** A sentence without its subject, the file: what it is, and what to do about it. */
  readonly reason: string;
}

/** What notes of Parquet files, and of those that were passed over, say in the place of their layers. */
export const PARQUET = "parquet";
export const PASSED_OVER = "passed over";

export interface FileKinds {
  kindOf(file: string, progress: Progress): Promise<FileKind>;
}

export interface KindOptions {
  readonly coded: CodedFiles;
  readonly format: string;
  /** The declared one: then nothing is text as it is. */
  readonly encoding: string | undefined;
}

export function openFileKinds({ coded, format, encoding }: KindOptions): FileKinds {
  const known = new Map<string, FileKind>();
  const refused = (reason: string): Refusal => ({ is: "refused", reason });

  const found = async (file: string): Promise<FileKind> => {
    const first = await firstBytes(file);
    const signature = signatureOf(first);
    if (signature.is === "parquet")
      return format === PARQUET
        ? { is: "parquet" }
        : refused("is a Parquet file: name its format, with format: parquet or --format parquet");
    if (first.length === 0) return { is: "unclear" };
    if (mayBecomeMore(first)) return { is: "unclear" };
    if (format === PARQUET) return refused(`is no Parquet file: ${nounOf(signature)} was found`);
    const isDocument = format === "json" && isJsonDocument(first.toString("utf8"));
    if (encoding === undefined && signature.is === "text" && !isDocument) return { is: "plain" };
    const { how, inner } = await coded.layersOf(file);
    if (inner.is === "parquet") return refused(`is a Parquet file, packed (${how}): unpack it first`);
    if (inner.is === "foreign") {
      const packed = how === "" ? "" : ` inside of ${how}`;
      return refused(`is ${inner.what}${packed}, which is not read: ${inner.remedy}`);
    }
    return { is: "coded", how };
  };

  return {
    async kindOf(file, { offset, note }) {
      if (note?.how === PARQUET) return { is: "parquet" };
      if (note?.how === PASSED_OVER) return refused("was passed over before");
      if (note !== undefined) return { is: "coded", how: note.how };
      if (offset > 0) return { is: "plain" };
      const before = known.get(file);
      if (before !== undefined) return before;
      const kind = await found(file);
      if (kind.is !== "unclear") known.set(file, kind);
      return kind;
    },
  };
}

function nounOf(signature: Signature): string {
  switch (signature.is) {
    case "foreign":
      return signature.what;
    case "packed":
      return `${signature.how} data`;
    default:
      return "text";
  }
}

async function firstBytes(file: string): Promise<Buffer> {
  const input = await open(file, "r");
  try {
    const { buffer, bytesRead } = await input.read(Buffer.alloc(SIGNATURE_BYTES), 0, SIGNATURE_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await input.close();
  }
}
