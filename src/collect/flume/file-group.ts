/** TAILDIR's file groups: a folder, and a regular expression of the whole file name. */

/** `/var/log/app/.*\.log` → `/var/log/app/*.log`; undefined where no glob means the same. */
export function globOfFileGroup(group: string): string | undefined {
  const slash = group.lastIndexOf("/");
  const folder = group.slice(0, slash + 1);
  let glob = "";
  let rest = group.slice(slash + 1).replace(/^\^|\$$/g, "");
  while (rest !== "") {
    const found =
      /^(?:(\.\*|\.\+)|\\([^A-Za-z0-9])|(\\d|\[0-9\])([+*]|\{\d+\})?|([A-Za-z0-9_,@=#%~-]+)|(\.))/.exec(rest);
    if (found === null) return undefined;
    const [whole, any, escaped, digit, count, plain, dot] = found;
    rest = rest.slice(whole.length);
    // A quantifier behind a plain letter is of that letter alone.
    if ((plain !== undefined || escaped !== undefined || dot !== undefined) && /^[+*?{]/.test(rest))
      return undefined;
    if (any !== undefined) glob += any === ".*" ? "*" : "?*";
    else if (escaped !== undefined) glob += /[*?[\]{}()!\\]/.test(escaped) ? `\\${escaped}` : escaped;
    else if (digit !== undefined) {
      const times = digitTimes(count);
      if (times === undefined) return undefined;
      glob += times;
    } else glob += plain ?? "?";
  }
  return glob === "" ? undefined : escapedFolder(folder) + glob;
}

/** Digits without end are any characters to a glob: too many files would be taken. */
function digitTimes(count: string | undefined): string | undefined {
  if (count === undefined) return "[0-9]";
  const number = /^\{(\d+)\}$/.exec(count)?.[1];
  return number === undefined ? undefined : "[0-9]".repeat(Number(number));
}

function escapedFolder(folder: string): string {
  return folder.replaceAll(/[*?[\]{}()!]/g, String.raw`\$&`);
}
