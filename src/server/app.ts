/** What the server answers to plain requests: the API, the page and its files, and the page's own state. */

import { Hono } from "hono";
import { messageOf } from "../base/error.ts";
import { writeExactJson } from "../base/exact-json.ts";
import { logger } from "../base/log.ts";
import { webAsset } from "../runtime/assets.ts";
import { type Access, cookieFor, isAuthorized, refusal, SECURITY_HEADERS, TOKEN_WANTED } from "./access.ts";
import { type ApiOptions, createApi, OPEN_PATHS } from "./api/api.ts";
import type { HistorySource } from "./history.ts";
import { historyAnswer } from "./history.ts";
import { HISTORY_PATH } from "./protocol.ts";

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

export interface AppOptions extends ApiOptions {
  /** Decides who may ask. */
  readonly access: Access;
  readonly history?: HistorySource | undefined;
}

export function createApp({ access, history, ...options }: AppOptions): Hono {
  const { hub } = options.live;
  const app = new Hono();

  app.use(async (context, next) => {
    const { headers } = context.req.raw;
    const reason = refusal(headers, access);
    const url = new URL(context.req.url);
    const cookie = cookieFor(url, access);
    if (reason !== undefined) context.res = context.text(`${reason}\n`, 403);
    else if (cookie !== undefined)
      context.res = new Response(null, {
        status: 303,
        headers: { location: url.pathname, "set-cookie": cookie },
      });
    else if (!OPEN_PATHS.has(url.pathname) && !isAuthorized(headers, access))
      context.res = context.text(`${TOKEN_WANTED}\n`, 401, { "www-authenticate": "Bearer" });
    else await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
    context.res.headers.set("cache-control", "no-cache");
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

  app.route("/", createApi(options));

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
