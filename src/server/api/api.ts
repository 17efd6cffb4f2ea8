/** Answers the routes of `/api/v1`, and those that monitor the process. */

import { type OpenAPIHono, type RouteConfig, OpenAPIHono as Router } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { type Json, writeExactJson } from "../../base/exact-json.ts";
import { versionOf } from "../../runtime/version.ts";
import type { ChangeLog } from "../changes/change-log.ts";
import type { LiveQueries } from "../changes/live-queries.ts";
import { openReader, type ResumeFrom } from "../changes/reader.ts";
import { type KeyFilter, openTopic } from "../changes/topic.ts";
import grafanaDashboard from "../grafana-dashboard.json" with { type: "json" };
import type { Metrics } from "../metrics.ts";
import type { SqlSandbox } from "../sql/sandbox.ts";
import * as routes from "./routes.ts";
import { MAX_ROWS } from "./schemas.ts";
import type { Sockets } from "./sockets.ts";
import { answerSql, answerTables } from "./sql-answer.ts";
import { batchesText, graphText, queryOf, readinessOf, statusText } from "./status.ts";
import { eventsOf, NDJSON, ndjsonOf, rowLines, type StreamStyle, type Streams } from "./streams.ts";

export interface ApiOptions {
  readonly live: LiveQueries;
  readonly streams: Streams;
  readonly sockets: Sockets;
  readonly metrics: Metrics;
  readonly sandbox: SqlSandbox;
}

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };
const DOCUMENT_PATH = "/api/v1/openapi.json";
/** A monitor may ask these without a token: their answers contain no data of the job. */
export const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

export function createApi({ live, streams, metrics, sandbox }: ApiOptions): OpenAPIHono {
  const { hub } = live;
  const api = new Router({
    defaultHook(result, context) {
      if (result.success) return undefined;
      const [issue] = result.error.issues;
      return context.json({ error: `${issue?.path.join(".")}: ${issue?.message}` }, 400);
    },
  });

  // A body that is no JSON, say.
  api.onError((error, context) => {
    if (error instanceof HTTPException) return context.json({ error: error.message }, error.status);
    throw error;
  });

  /** What is written is exact JSON, and not what the types of a route's schema say of it. */
  function answer(context: Context, body: unknown, status: 200 | 400 | 404 | 426 | 503 = 200): never {
    const text = typeof body === "string" ? body : writeExactJson(body);
    return context.body(text, status, JSON_TYPE) as never;
  }
  function refuse(context: Context, status: 400 | 404 | 426 | 503, error: string): never {
    return answer(context, { error }, status);
  }
  function noQuery(context: Context, name: string): never {
    return refuse(context, 404, `There is no query "${name}"`);
  }

  function stream(context: Context, of: StreamRequest, style: StreamStyle): never {
    const reader = openReader(live, of.log.query, of);
    const body = reader && streams.open(reader, style, context.req.raw.signal);
    if (body === undefined) {
      reader?.close();
      return refuse(context, 503, "There are too many connections: try again later");
    }
    return context.body(body, 200, { "content-type": style.contentType }) as never;
  }

  api.openapi(routes.queriesRoute, (context) =>
    answer(context, { instance: live.instance, queries: [...live.logs.values()].map(queryOf) }),
  );

  api.openapi(routes.queryRoute, (context) => {
    const { name } = context.req.valid("param");
    const log = live.logs.get(name);
    return log === undefined ? noQuery(context, name) : answer(context, queryOf(log));
  });

  api.openapi(routes.rowsRoute, (context) => {
    const { name } = context.req.valid("param");
    const log = live.logs.get(name);
    if (log === undefined) return noQuery(context, name);
    const { follow, key, limit, instance, after } = context.req.valid("query");
    const filter = filterOf(log, key);
    if (typeof filter === "string") return refuse(context, 400, filter);
    const resume = resumeOf(instance ?? live.instance, after);
    const wantsLines = context.req.header("accept")?.includes("ndjson") === true;
    if (follow !== undefined && follow !== "false" && follow !== "0")
      return stream(
        context,
        { log, filter, resume },
        { ...NDJSON, textOf: ndjsonOf(log.mode, resume !== undefined) },
      );
    const isOurs = instance === undefined || instance === live.instance;
    const changes = openTopic(0, log, filter)
      .rows(limit ?? MAX_ROWS)
      .filter(({ sequence }) => sequence > (isOurs ? (after ?? 0) : 0));
    if (wantsLines)
      return context.body(rowLines(changes, log.mode), 200, { "content-type": NDJSON.contentType }) as never;
    const { rows: _, name: query, ...head } = queryOf(log);
    const start = writeExactJson({ query, ...head, instance: live.instance }).slice(0, -1);
    return answer(context, `${start},"rows":[${changes.map(({ text }) => text).join(",")}]}`);
  });

  api.openapi(routes.eventsRoute, (context) => {
    const { name } = context.req.valid("param");
    const log = live.logs.get(name);
    if (log === undefined) return noQuery(context, name);
    const { key, instance, after } = context.req.valid("query");
    const filter = filterOf(log, key);
    if (typeof filter === "string") return refuse(context, 400, filter);
    const last = /^(.+)\/(\d{1,15})$/.exec(context.req.header("last-event-id") ?? "");
    const resume =
      last?.[1] === undefined
        ? resumeOf(instance ?? live.instance, after)
        : resumeOf(last[1], Number(last[2]));
    return stream(context, { log, filter, resume }, eventsOf(live.instance));
  });

  api.openapi(routes.statusRoute, (context) => answer(context, statusText(hub)));
  api.openapi(routes.batchesRoute, (context) =>
    answer(context, batchesText(hub, context.req.valid("query").limit ?? 100)),
  );
  api.openapi(routes.graphRoute, (context) => answer(context, graphText(hub)));
  api.openapi(routes.lettersRoute, (context) => answer(context, { letters: hub.problems.letters }));
  api.openapi(routes.lateRoute, (context) => answer(context, { late: hub.problems.late }));
  // Before the body is read: a form of another site can't call itself JSON.
  api.use(routes.sqlRoute.path, async (context, next) => {
    const type = context.req.header("content-type") ?? "";
    if (context.req.method === "POST" && !/^application\/json\b/i.test(type))
      return context.json({ error: "The body is expected as application/json" }, 415);
    return next();
  });
  api.openapi(
    routes.sqlRoute,
    (context) => answerSql(sandbox, context.req.valid("json"), context.req.raw.signal) as never,
  );
  api.openapi(routes.sqlTablesRoute, () => answerTables(sandbox) as never);
  api.openapi(routes.liveRoute, (context) =>
    refuse(context, 426, "This path is a WebSocket: connect with ws:// or wss://"),
  );
  api.openapi(
    routes.metricsRoute,
    async (context) =>
      context.body(await metrics.text(), 200, { "content-type": metrics.contentType }) as never,
  );
  api.openapi(routes.grafanaRoute, (context) => answer(context, grafanaDashboard));
  api.openapi(routes.healthRoute, (context) => {
    const { instance, sequence, subscribers } = hub;
    return answer(context, { ok: true, instance, sequence, subscribers });
  });
  api.openapi(routes.readinessRoute, (context) => {
    const readiness = readinessOf(hub);
    return answer(context, readiness, readiness.ready ? 200 : 503);
  });

  const document = api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "streamkit",
      version: versionOf(),
      description: "A running job: its queries' rows as they change, and how it goes.",
    },
  });
  api.get(DOCUMENT_PATH, (context) => context.json(document));

  const paths = Object.values(routes).map(({ path, method }: RouteConfig) => [
    path.replaceAll(/\{(\w+)\}/g, ":$1"),
    method === "post" ? "POST" : "GET, HEAD",
  ]);
  for (const [path = "", allow = ""] of [...paths, [DOCUMENT_PATH, "GET, HEAD"]])
    api.all(path, (context) =>
      context.json({ error: `${context.req.method} is not allowed here` }, 405, { allow }),
    );
  api.all("/api/*", (context) => context.json({ error: "There is no such path" }, 404));
  return api;
}

interface StreamRequest {
  readonly log: ChangeLog;
  readonly filter: KeyFilter;
  readonly resume: ResumeFrom | undefined;
}

function resumeOf(instance: string, after: number | undefined): ResumeFrom | undefined {
  return after === undefined ? undefined : { instance, sequence: after };
}

const MAX_KEYS = 1000;

/** `symbol=A`, `symbol=B` → `{symbol: ["A", "B"]}`; or what is wrong. */
function filterOf(log: ChangeLog, key: string | readonly string[] | undefined): KeyFilter | string {
  const filter: Record<string, Json[]> = Object.create(null) as Record<string, Json[]>;
  const texts = key === undefined ? [] : typeof key === "string" ? [key] : key;
  if (texts.length > MAX_KEYS) return `key: at most ${MAX_KEYS} are taken, found ${texts.length}`;
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at === -1) return `key: expected COLUMN=VALUE, found "${text}"`;
    const name = text.slice(0, at);
    if (log.columns.every((column) => column.name !== name))
      return `key: the query "${log.query}" has no column "${name}"`;
    (filter[name] ??= []).push(text.slice(at + 1));
  }
  return filter;
}
