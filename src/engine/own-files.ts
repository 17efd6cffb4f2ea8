/** What a job writes itself: a source that follows files must not read it, as that would never end. */

import path from "node:path";
import type { LoadedJob } from "../job/load.ts";
import { resolveSink } from "../sinks/list.ts";

/** Of a checkpoint's folder, as others' files may stand beside ours. */
const CHECKPOINTED = [
  "checkpoint.duckdb",
  "live.ndjson",
  "plan.json",
  `segments${path.sep}`,
  `waiting${path.sep}`,
];

/** `segmentFolder`: of a source, below the checkpoint's folder. */
export function ownFiles({ config, folder }: LoadedJob, segmentFolder: string): (file: string) => boolean {
  const checkpoint = path.dirname(path.dirname(path.resolve(segmentFolder)));
  const targets = config.sinks.flatMap((sink) => {
    const { kind, options } = resolveSink(sink);
    const target = kind.name === "file" ? kind.target(options) : undefined;
    return target === undefined ? [] : path.parse(path.resolve(folder, target));
  });
  return (file) =>
    CHECKPOINTED.some((name) => file.startsWith(path.join(checkpoint, name))) ||
    targets.some((target) => isOf(file, target));
}

/** The file itself, the part of it of a partition (`out.3.ndjson`), and what is staged beside them. */
function isOf(file: string, { dir, name, ext }: path.ParsedPath): boolean {
  const whole = file.endsWith(".staged") ? file.slice(0, -".staged".length) : file;
  if (path.dirname(whole) !== dir) return false;
  const base = path.basename(whole);
  if (!base.startsWith(name) || !base.endsWith(ext)) return false;
  return /^(?:\.\d+)?$/.test(base.slice(name.length, base.length - ext.length));
}
