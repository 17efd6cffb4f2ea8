/**
 * Whose a sink's target is. Beside what it writes a job leaves a mark of its checkpoint, and another job, or
 * the same one with another checkpoint, is refused before it touches anything: what a checkpoint does not
 * know of in its target, it cuts off.
 */

import { StreamkitError } from "./error.ts";

/** What a mark says. */
export interface Owner {
  readonly job: string;
  /** The checkpoint's id; "" without one. */
  readonly checkpoint: string;
  /** Where the checkpoint is, in full; "" without one. */
  readonly folder: string;
  readonly host: string;
}

/** Who wants a target. */
export interface Claimant {
  readonly owner: Owner;
  /** `adopt: true`: takes over what is another one's. */
  readonly adopts: boolean;
  /** The checkpoint begins anew because somebody said so: what the one before it has written is its own. */
  readonly isReset: boolean;
  /** The id of the one before. */
  readonly formerId?: string | undefined;
}

export function markText(owner: Owner): string {
  return `${JSON.stringify(owner, undefined, 1)}\n`;
}

/** Undefined where there is no mark, or where it can't be read and names nobody. */
export function readMark(text: string | undefined): Owner | undefined {
  try {
    const found = JSON.parse(text ?? "") as Owner | null;
    return typeof found?.job === "string" && typeof found.checkpoint === "string" ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the mark is of the same checkpoint, or may be replaced by it. */
export function mayTake(mark: Owner, { owner, adopts, isReset, formerId }: Claimant): boolean {
  if (adopts || (owner.checkpoint !== "" && mark.checkpoint === owner.checkpoint)) return true;
  return isReset && (mark.checkpoint === formerId || isSamePlace(mark, owner));
}

/** A checkpoint that was deleted and begun anew. */
function isSamePlace(mark: Owner, owner: Owner): boolean {
  return (
    owner.folder !== "" && mark.job === owner.job && mark.folder === owner.folder && mark.host === owner.host
  );
}

/** Code `job`. `wouldDo` says what would become of the target. */
export function refusalOf(
  target: string,
  mark: Owner,
  { owner }: Claimant,
  { wouldDo, wayOut = "" }: { readonly wouldDo: string; readonly wayOut?: string },
): StreamkitError {
  const words = isSamePlace(mark, owner)
    ? `${target} was written by this job, "${owner.job}", with the checkpoint that was in ${owner.folder} ` +
      `and is gone: a new one would ${wouldDo}. Nothing was touched. Put the checkpoint back, or begin ` +
      "anew with --reset-checkpoint, or with adopt: true in the sink"
    : `${target} is written by the job ${called(mark)}: the job ${called(owner)} would ${wouldDo}. Nothing ` +
      `was touched. Give it a target of its own, or let it take this one over with adopt: true in the sink` +
      wayOut;
  return new StreamkitError("job", words, { component: "sink" });
}

function called({ job, folder, host }: Owner): string {
  return `"${job}" (${folder === "" ? "without a checkpoint" : `checkpoint ${folder} on ${host}`})`;
}
