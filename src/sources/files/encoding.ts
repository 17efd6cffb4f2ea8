/** The encodings that files may be declared to be in. */

import { optionError } from "../source.ts";

/** Throws code `job`. */
export function refuseUnknownEncoding(encoding: string | undefined): void {
  if (encoding === undefined) return;
  try {
    return void new TextDecoder(encoding).encoding;
  } catch {
    throw optionError(
      ["encoding"],
      `"${encoding}" is no encoding that is known: latin1, windows-1252, utf-16le, utf-16be, shift_jis and ` +
        "other names of the WHATWG encoding standard are",
    );
  }
}
