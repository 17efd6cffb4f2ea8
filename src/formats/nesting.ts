/**
 * Lines whose lists and objects are nested too deep: no reader of DuckDB's may see them, nor may what is
 * asked of their values.
 */

import { open } from "node:fs/promises";
import { depthOfLine, holdsDeepLine, MAX_DEPTH, type Nesting, tooDeep } from "../base/depth.ts";
import { elementType } from "../duckdb/type-text.ts";
import type { Format, Shape } from "./format.ts";
import { lineLimit } from "./json.ts";
import { type LineBlock, mayHoldLongLine } from "./segment-lines.ts";

const LINE_FEED = 10;

/** How brackets count in lines; undefined where no value of theirs is read as a list or an object. */
function nestingOf(format: Format, shape: Shape): Nesting | undefined {
  if (format.isJson === true) return "json";
  return shape.columns.some(({ type }) => holdsNested(type)) ? "text" : undefined;
}

function holdsNested(type: string): boolean {
  return elementType(type) !== undefined || /^(?:JSON$|STRUCT\(|MAP\(|UNION\(|VARIANT)/i.test(type);
}

/** Whether a file of lines may hold one that no reader may see as a part of it. */
export async function mayHoldUnreadable(path: string, format: Format, shape: Shape): Promise<boolean> {
  const nesting = nestingOf(format, shape);
  const maxLineBytes = lineLimit(shape);
  return nesting === undefined
    ? mayHoldLongLine(path, maxLineBytes)
    : holdsLongOrDeepLine(path, nesting, maxLineBytes);
}

async function holdsLongOrDeepLine(path: string, nesting: Nesting, maxLineBytes: number): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const block = Buffer.allocUnsafe(Math.min(size, maxLineBytes));
    for (let offset = 0; offset < size; ) {
      const { bytesRead } = await file.read(block, 0, block.length, offset);
      const bytes = block.subarray(0, bytesRead);
      // A line that fills the block is too long.
      const isLast = bytesRead < maxLineBytes && offset + bytesRead >= size;
      const wholeBytes = isLast ? bytesRead : bytes.lastIndexOf(LINE_FEED) + 1;
      if (wholeBytes === 0 || holdsDeepLine(bytes.subarray(0, wholeBytes), nesting)) return true;
      offset += wholeBytes;
    }
    return false;
  } finally {
    await file.close();
  }
}

/** By index, the lines that are nested too deep, and why they are not taken. */
export function deepLines(lines: LineBlock, format: Format, shape: Shape): ReadonlyMap<number, string> {
  const nesting = nestingOf(format, shape);
  const found = new Map<number, string>();
  if (nesting === undefined || !holdsDeepLine(lines.bytes, nesting)) return found;
  for (let index = 0; index < lines.count; index += 1) {
    const depth = depthOfLine(lines.bytesAt(index), nesting);
    if (depth > MAX_DEPTH) found.set(index, tooDeep(depth));
  }
  return found;
}
