/** What the server answers to plain requests: the page, its files, and the hub's state as JSON. */

import { Hono } from "hono";
import { messageOf } from "../base/error.ts";
import { writeExactJson } from "../base/exact-json.ts";
import { logger } from "../base/log.ts";
import { webAsset } from "../runtime/assets.ts";
import { refusal, SECURITY_HEADERS } from "./access.ts";
import type { HistorySource } from "./history.ts";
import { historyAnswer } from "./history.ts";
import type { Hub } from "./hub.ts";
import { HISTORY_PATH } from "./protocol.ts";

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

export interface AppOptions {
  readonly hub: Hub;
  /** The address it is bound to: decides which hosts may ask. */
  readonly host: string;
  readonly history?: HistorySource;
}

export function createApp({ hub, host, history }: AppOptions): Hono {
  const app = new Hono();

  app.use(async (context, next) => {
    const reason = refusal(context.req.raw.headers, host);
    if (reason === undefined) await next();
    else context.res = context.text(`${reason}\n`, 403);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
    context.res.headers.set("cache-control", "no-cache");
  });

  app.get("/healthz", (context) => {
    const { instance, sequence, subscribers } = hub;
    return context.json({ ok: true, instance, sequence, subscribers });
  });

  app.get("/api/snapshot", (context) => context.body(hub.snapshotText(), 200, JSON_TYPE));

  app.get(HISTORY_PATH, async (context) => {
    const { query, ...filter } = context.req.query();
    if (query === undefined) return context.json({ error: 'The parameter "query" is missing' }, 400);
    const answer = await historyAnswer(hub, query, filter, history);
    return answer === undefined
      ? context.json({ error: `There is no query "${query}"` }, 404)
      : context.body(writeExactJson(answer), 200, JSON_TYPE);
  });

  app.get("/:file?", async (context) => {
    const asset = await webAsset(context.req.param("file") ?? "index.html");
    return asset === undefined
      ? context.notFound()
      : context.body(asset.bytes, 200, { "content-type": asset.contentType });
  });

  app.onError((error, context) => {
    logger("server").warning(`${context.req.path}: ${messageOf(error)}`);
    return context.json({ error: messageOf(error) }, 500);
  });

  return app;
}
