/** Bold and dim, where a person looks on and has not said no. */

import type { ByteOutput } from "../runtime/stdio.ts";

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

const styled =
  (code: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[0m`;
const plain = (text: string): string => text;

export function styleOf({ isStyled }: Pick<ByteOutput, "isStyled">): Style {
  return isStyled === true ? { bold: styled(1), dim: styled(2) } : { bold: plain, dim: plain };
}

/**
 * Whether codes of style are written: NO_COLOR says no (https://no-color.org), FORCE_COLOR yes also in a
 * pipe; else a terminal that can do it.
 */
export function isStyledBy(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  const force = env["FORCE_COLOR"];
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  return isTerminal && env["TERM"] !== "dumb";
}
