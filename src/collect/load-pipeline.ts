/** From the text of a pipeline file to a plan, or to one error with the file's line. */

import { LineCounter, parseDocument } from "yaml";
import { JobError } from "../base/error.ts";
import { substituteVariables, withoutSecrets } from "../job/environment.ts";
import { type PipelinePlan, planPipeline } from "./plan.ts";

/** YAML or JSON, with `${NAME}` from the environment. Throws code `job`. */
export function loadPipeline(
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): PipelinePlan {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeOf = (offset: number): { line: number; column: number } => {
    const { line, col: column } = lines.linePos(offset);
    return { line, column };
  };
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined)
    throw new JobError(syntaxError.message, { file, ...placeOf(syntaxError.pos[0]), keyPath: "" });
  const used = new Map<string, string>();
  /** At the deepest part of the key path that is in the file. */
  const errorAt = (keyPath: readonly PropertyKey[], message: string): JobError => {
    for (let length = keyPath.length; length >= 0; length -= 1) {
      const node = document.getIn(keyPath.slice(0, length), true) as { range?: [number] } | undefined;
      const offset = node?.range?.[0];
      if (offset === undefined && length > 0) continue;
      const key = keyPath.map(String).join(".");
      const place = offset === undefined ? {} : placeOf(offset);
      return new JobError(withoutSecrets(message, used), { file, ...place, keyPath: key });
    }
    return new JobError(message, { file, keyPath: keyPath.map(String).join(".") });
  };
  const written = (document.toJS() ?? {}) as unknown;
  return planPipeline(substituteVariables(written, { env, errorAt, used }), errorAt);
}
