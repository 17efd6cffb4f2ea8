/** Files inside the compiled binary, by name. The build fills this module; run from source there are none. */

/** Name → a path that `node:fs` can read. */
export const embeddedFiles: Readonly<Record<string, string>> = {};
