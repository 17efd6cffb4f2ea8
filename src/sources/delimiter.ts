/**
 * What separates the values of a CSV file, where the job does not say it. The header votes first: nearly
 * always only one of the candidates stands in it. Of several, the one wins that divides the lines below into
 * as many values as the header, and most of them.
 */

const CANDIDATES = [",", ";", "\t", "|"];
const MAX_VOTING_LINES = 50;
const QUOTE = '"';

/** `text` begins with the header. */
export function votedDelimiter(text: string): string {
  return headerDelimiter(text) ?? ",";
}

/** Undefined where none of the candidates stands in the header. */
export function headerDelimiter(text: string): string | undefined {
  const [header = "", ...lines] = recordsIn(text, MAX_VOTING_LINES + 1);
  const counts = CANDIDATES.map((candidate) => [candidate, countOutsideQuotes(header, candidate)] as const);
  const found = counts.filter(([, count]) => count > 0);
  const [only] = found;
  if (only === undefined || found.length === 1) return only?.[0];
  const votes = found.map(([candidate, count]) => {
    const agreeing = lines.filter((line) => countOutsideQuotes(line, candidate) === count).length;
    return { candidate, agreeing, count };
  });
  const [best] = votes.toSorted((a, b) => b.agreeing - a.agreeing || b.count - a.count);
  return best?.candidate;
}

/** The first whole records that are not blank; of a text without a line end, what there is. */
function recordsIn(text: string, most: number): string[] {
  const records: string[] = [];
  for (let start = 0; start < text.length && records.length < most; ) {
    const end = recordEnd(text, start);
    const record = text.slice(start, end);
    if (end < text.length || records.length === 0) {
      if (record.trim() !== "") records.push(record);
    }
    start = end + 1;
  }
  return records;
}

/**
 * Where the record's line feed is: the first one outside of quotes. A quote that is not closed opens none.
 */
export function recordEnd(text: string, start: number): number {
  const lineEnd = text.indexOf("\n", start);
  if (lineEnd < 0) return text.length;
  let isQuoted = false;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === QUOTE) isQuoted = !isQuoted;
    else if (text[at] === "\n" && !isQuoted) return at;
  }
  return lineEnd;
}

function countOutsideQuotes(line: string, character: string): number {
  let count = 0;
  let isQuoted = false;
  for (const letter of line) {
    if (letter === QUOTE) isQuoted = !isQuoted;
    else if (letter === character && !isQuoted) count += 1;
  }
  return count;
}
