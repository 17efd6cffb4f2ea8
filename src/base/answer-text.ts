/** What another server answered, as far as a person would read it: its length is up to the server. */

const MAX_ANSWER_BYTES = 65_536;

/** The beginning of an answer's text; the rest is not taken. */
export async function answerText({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes >= MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(parts).toString("utf8", 0, MAX_ANSWER_BYTES);
}
