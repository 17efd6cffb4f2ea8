/** The time formats of C's strftime, as DuckDB's strptime and as a pattern of the text that they write. */

const NUMBER = String.raw`\d{2}`;
const NAME = String.raw`[^\W\d]+\.?`;

/** What each letter is to strptime, and what it writes. */
const LETTERS: Readonly<Record<string, readonly [strptime: string, pattern: string]>> = {
  a: ["%a", NAME],
  A: ["%A", NAME],
  b: ["%b", NAME],
  B: ["%B", NAME],
  d: ["%d", NUMBER],
  f: ["%f", String.raw`\d{6}`],
  H: ["%H", NUMBER],
  I: ["%I", NUMBER],
  j: ["%j", String.raw`\d{3}`],
  m: ["%m", NUMBER],
  M: ["%M", NUMBER],
  p: ["%p", "[AP]M"],
  S: ["%S", NUMBER],
  y: ["%y", NUMBER],
  Y: ["%Y", String.raw`\d{4}`],
  z: ["%z", String.raw`[+-]\d{2}:?\d{2}`],
  "%": ["%%", "%"],
};

const SHORT: Readonly<Record<string, string>> = {
  D: "%m/%d/%y",
  e: "%d",
  F: "%Y-%m-%d",
  h: "%b",
  n: "\n",
  R: "%H:%M",
  t: "\t",
  T: "%H:%M:%S",
};

/** `unknown` names what strptime has nothing for. */
export function strptimeOf(
  format: string,
): { readonly strptime: string; readonly pattern: string } | { readonly unknown: string } {
  const spelled = format.replaceAll(/%([DeFhnRtT])/g, (whole, letter: string) => SHORT[letter] ?? whole);
  let [strptime, pattern] = ["", ""];
  for (const [token, letter] of spelled.matchAll(/%(.?)|[^%]+/g)) {
    if (letter === undefined) {
      strptime += token;
      pattern += escapedForRegex(token);
      continue;
    }
    const known = LETTERS[letter];
    if (known === undefined) return { unknown: token };
    strptime += known[0];
    pattern += known[1];
  }
  return { strptime, pattern };
}

/** The text as RE2 takes it literally. */
export function escapedForRegex(text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}]/g, String.raw`\$&`);
}
