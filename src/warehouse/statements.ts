/** A text of SQL as its statements, and what each of them is: nothing but questions is run. */

import { StreamkitError } from "../base/error.ts";

/** Text that ends like this ends in the middle of something: a quote, a comment, or a statement. */
export interface Statements {
  /** Without semicolons, comments around them, and empty ones. */
  readonly whole: readonly string[];
  /** What stands behind the last semicolon; "" for nothing but blanks and comments. */
  readonly rest: string;
  /** The same as it was written: what is typed on belongs to it. */
  readonly tail: string;
}

/** DuckDB's quotes and comments, which are skipped as one; to the end where they aren't closed. */
const SKIPPED = [
  /--[^\n]*/y,
  /[eE]'(?:[^'\\]|''|\\[\s\S])*(?:'|$)/y,
  /'(?:[^']|'')*(?:'|$)/y,
  /"(?:[^"]|"")*(?:"|$)/y,
  /\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)/y,
] as const;

export function statementsIn(text: string): Statements {
  const parts: string[] = [];
  let start = 0;
  let at = 0;
  while (at < text.length) {
    const end = skippedTo(text, at);
    if (end > at) at = end;
    else {
      if (text[at] === ";") {
        parts.push(text.slice(start, at));
        start = at + 1;
      }
      at += 1;
    }
  }
  const tail = text.slice(start);
  return { whole: parts.map(bare).filter((part) => part !== ""), rest: bare(tail), tail };
}

/** Where the quote or comment that begins here ends; `at` where none does. */
function skippedTo(text: string, at: number): number {
  if (text.startsWith("/*", at)) return commentEnd(text, at);
  // `$$` inside a name is a part of it.
  if (text[at] === "$" && at > 0 && /\w/.test(text[at - 1] ?? "")) return at;
  for (const pattern of SKIPPED) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) return at + found[0].length;
  }
  return at;
}

/** Comments may be nested. */
function commentEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith("/*", at)) {
      depth += 1;
      at += 1;
    } else if (text.startsWith("*/", at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

/** Without blanks and comments before it, and blanks behind it. */
function bare(text: string): string {
  let at = 0;
  for (;;) {
    const blanks = /^\s*/.exec(text.slice(at))?.[0].length ?? 0;
    at += blanks;
    const isComment = text.startsWith("--", at) || text.startsWith("/*", at);
    if (!isComment) return text.slice(at).trimEnd();
    at = skippedTo(text, at);
  }
}

/** What can stand in parentheses after FROM. */
const ROWS = new Set(
  "SELECT FROM WITH VALUES TABLE PIVOT UNPIVOT PIVOT_WIDER PIVOT_LONGER SHOW DESCRIBE DESC SUMMARIZE (".split(
    " ",
  ),
);

export type Question =
  | { readonly kind: "rows"; readonly text: string }
  /** Given as it is: the plan is its answer. */
  | { readonly kind: "explain"; readonly text: string }
  /** The names of all tables: also of those in databases, which DuckDB's own leaves out. */
  | { readonly kind: "tables" };

/** Throws code `usage` where the statement asks nothing. */
export function questionOf(statement: string): Question {
  const verb = verbOf(statement);
  if (/^show\s+tables$/i.test(statement)) return { kind: "tables" };
  if (ROWS.has(verb)) return { kind: "rows", text: statement };
  if (verb === "PRAGMA") return { kind: "rows", text: pragmaText(statement) };
  const explained = explainedIn(statement);
  if (explained !== undefined) {
    if (ROWS.has(verbOf(explained))) return { kind: "explain", text: statement };
    throw refusal(verbOf(explained));
  }
  // Not SQL at all: DuckDB says where it stops being it.
  if (!CHANGES.has(verb)) return { kind: "rows", text: statement };
  throw refusal(verb);
}

/** What an EXPLAIN is of; undefined of other statements. */
export function explainedIn(statement: string): string | undefined {
  return verbOf(statement) === "EXPLAIN"
    ? bare(statement.replace(/^\w+\s*(?:analyze\b|\([^)]*\))?/i, ""))
    : undefined;
}

const CHANGES = new Set(
  (
    "CREATE INSERT UPDATE DELETE DROP ALTER TRUNCATE MERGE COPY EXPORT IMPORT ATTACH DETACH USE SET RESET " +
    "LOAD INSTALL CALL BEGIN COMMIT ROLLBACK CHECKPOINT VACUUM ANALYZE PREPARE EXECUTE DEALLOCATE COMMENT"
  ).split(" "),
);

function verbOf(statement: string): string {
  return (/^(?:\w+|\()/.exec(statement)?.[0] ?? "").toUpperCase();
}

function refusal(verb: string): StreamkitError {
  return new StreamkitError(
    "usage",
    `query answers questions and changes nothing: found ${verb}, expected SELECT, FROM, WITH, VALUES, ` +
      "SHOW, DESCRIBE, SUMMARIZE or EXPLAIN of these",
  );
}

/** Those that are table functions by another name; the others are settings. */
const PRAGMAS = new Set(
  "table_info show version database_size storage_info metadata_info collations platform user_agent".split(
    " ",
  ),
);

function pragmaText(statement: string): string {
  const match = /^pragma\s+(\w+)\s*(\([\s\S]*\))?$/i.exec(statement);
  const name = (match?.[1] ?? "").toLowerCase();
  if (name === "show_tables") return "SHOW ALL TABLES";
  if (PRAGMAS.has(name)) return `FROM pragma_${name}${match?.[2] ?? "()"}`;
  throw new StreamkitError(
    "usage",
    `query takes a PRAGMA that asks, like PRAGMA table_info('t'): found "${statement}"`,
  );
}
