/** Names of columns as SQL has them: in upper and lower case they are the same. */

/** Two names that are one to SQL; undefined where each is its own. */
export function namesAlike(names: readonly string[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) return [other, name];
    seen.set(name.toLowerCase(), name);
  }
  return undefined;
}
