/** DuckDB's messages without the part of the statement that they show. */

/** Below its message DuckDB shows the statement that ran, which is not quite the one that was written. */
export function withoutStatement(message: string): string {
  return message.replace(/\n\s*LINE \d+:[\s\S]*$/, "");
}
