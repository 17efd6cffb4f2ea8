/** SQL over what the job has stored and what is live: a text, its answer as a table, files to download. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Json, readExactJson } from "../src/base/exact-json.ts";
import { addressed, readdress } from "./address.ts";
import { countText, durationText } from "./format.ts";
import { stopwatch } from "./live.ts";
import { remembered } from "./preferences.ts";
import { ValueTable } from "./value-table.tsx";

const SQL_PATH = "/api/v1/sql";
const MAX_ROWS = 1000;
const MAX_KEPT = 20;
const FILES = ["csv", "ndjson", "parquet"] as const;

interface Answer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly Readonly<Record<string, Json>>[];
}

interface Tables {
  readonly tables: readonly { readonly name: string; readonly columns: readonly string[] }[];
}

type Outcome =
  | { readonly kind: "answer"; readonly answer: Answer; readonly tookMs: number }
  | { readonly kind: "error"; readonly text: string };

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((text) => typeof text === "string");
const kept = remembered<readonly string[]>("sql", isTexts, []);

export function SqlPage() {
  const text = useSignal(addressed.value["sql"] ?? kept.value[0] ?? "");
  const outcome = useSignal<Outcome | undefined>(undefined);
  const running = useSignal<AbortController | undefined>(undefined);
  const run = async (): Promise<void> => {
    const sql = text.value.trim();
    if (sql === "") return;
    running.value?.abort();
    const stop = new AbortController();
    running.value = stop;
    readdress({ sql });
    kept.value = [sql, ...kept.value.filter((other) => other !== sql)].slice(0, MAX_KEPT);
    const found = await asked(sql, stop.signal);
    if (running.value !== stop) return;
    running.value = undefined;
    if (found !== undefined) outcome.value = found;
  };
  const cancel = (): void => {
    running.value?.abort();
    running.value = undefined;
  };
  return (
    <main class="sql-page">
      <section class="card" aria-label="SQL">
        <textarea
          class="sql-text"
          aria-label="SQL text"
          placeholder="SELECT * FROM …  (Ctrl+Enter runs it)"
          spellcheck={false}
          rows={6}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void run();
          }}
        />
        <div class="sql-bar">
          {running.value === undefined ? (
            <button type="button" class="action" onClick={() => void run()}>
              Run
            </button>
          ) : (
            <button type="button" class="action" onClick={cancel}>
              Cancel
            </button>
          )}
          {FILES.map((format) => (
            <button key={format} type="button" class="chip" onClick={() => void download(text.value, format)}>
              {format}
            </button>
          ))}
          <Earlier
            choose={(sql) => {
              text.value = sql;
            }}
          />
        </div>
      </section>
      <TableList
        choose={(name) => {
          text.value = `SELECT * FROM ${name} LIMIT 100`;
          void run();
        }}
      />
      {outcome.value !== undefined && <Result outcome={outcome.value} />}
    </main>
  );
}

/** Undefined where it was cancelled. */
async function asked(sql: string, signal: AbortSignal): Promise<Outcome | undefined> {
  const tookMs = stopwatch();
  try {
    const response = await post({ sql, limit: MAX_ROWS }, signal);
    const body = readExactJson(await response.text()) as Answer | { readonly error: string };
    if ("error" in body) return { kind: "error", text: body.error };
    return { kind: "answer", answer: body, tookMs: tookMs() };
  } catch {
    return signal.aborted ? undefined : { kind: "error", text: "The server can't be reached" };
  }
}

function post(body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(SQL_PATH, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function download(sql: string, format: (typeof FILES)[number]): Promise<void> {
  const response = await post({ sql, format, limit: 100_000 }).catch(() => undefined);
  if (response?.ok !== true) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `answer.${format}`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function Earlier({ choose }: { choose: (sql: string) => void }) {
  if (kept.value.length < 2) return null;
  return (
    <select
      class="filter earlier"
      aria-label="Earlier queries"
      value=""
      onChange={(event) => choose(event.currentTarget.value)}
    >
      <option value="">Earlier…</option>
      {kept.value.map((sql) => (
        <option key={sql} value={sql}>
          {sql.slice(0, 80)}
        </option>
      ))}
    </select>
  );
}

function TableList({ choose }: { choose: (name: string) => void }) {
  const tables = useSignal<Tables["tables"]>([]);
  useEffect(() => {
    const load = async (): Promise<void> => {
      const response = await fetch(`${SQL_PATH}/tables`).catch(() => undefined);
      if (response?.ok === true) tables.value = ((await response.json()) as Tables).tables;
    };
    void load();
  }, []);
  return (
    <nav class="table-list" aria-label="Tables">
      {tables.value.map(({ name, columns }) => (
        <button key={name} type="button" class="chip" title={columns.join(", ")} onClick={() => choose(name)}>
          {name}
        </button>
      ))}
    </nav>
  );
}

function Result({ outcome }: { outcome: Outcome }) {
  if (outcome.kind === "error")
    return (
      <p class="notice failed" role="alert" data-testid="sql-error">
        {outcome.text}
      </p>
    );
  const { columns, rows } = outcome.answer;
  return (
    <section class="card answer" aria-label="Answer">
      <header class="card-head">
        <h2>
          {countText(rows.length)} {rows.length === 1 ? "row" : "rows"}
        </h2>
        <span class="muted num">{durationText(outcome.tookMs)}</span>
      </header>
      <ValueTable
        label="Answer"
        columns={columns}
        rows={rows.map((row) => columns.map(({ name }) => row[name] ?? null))}
      />
    </section>
  );
}
