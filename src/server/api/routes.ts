/** The routes of `/api/v1`, as the OpenAPI document has them. */

import { createRoute, type z } from "@hono/zod-openapi";
import {
  batchesParameters,
  batchesSchema,
  dashboardSchema,
  errorSchema,
  eventSchema,
  eventsParameters,
  graphSchema,
  healthSchema,
  lateSchema,
  lettersSchema,
  nameParameter,
  queriesSchema,
  querySchema,
  readinessSchema,
  rowsParameters,
  rowsSchema,
  sqlBody,
  sqlSchema,
  sqlTablesSchema,
  statusSchema,
} from "./schemas.ts";
import { SOCKET_PATH } from "./socket-protocol.ts";

function json(description: string, schema: z.ZodType) {
  return { description, content: { "application/json": { schema } } };
}

function text(description: string, type = "text/plain") {
  return { description, content: { [type]: { schema: eventSchema.describe(description) } } };
}

/** What every route may answer. */
const REFUSALS = {
  401: text("The server asks for its token"),
  403: text("The server does not answer requests for this host or from this origin"),
} as const;

const NO_QUERY = json("There is no such query", errorSchema);
const WRONG = json("A parameter is wrong", errorSchema);
const TOO_MANY = json("There are too many connections", errorSchema);

export const queriesRoute = createRoute({
  method: "get",
  path: "/api/v1/queries",
  summary: "The queries of the job that are watched",
  responses: { 200: json("Their names, columns and modes", queriesSchema), ...REFUSALS },
});

export const queryRoute = createRoute({
  method: "get",
  path: "/api/v1/queries/{name}",
  summary: "One query",
  request: { params: nameParameter },
  responses: { 200: json("The query", querySchema), 404: NO_QUERY, ...REFUSALS },
});

export const rowsRoute = createRoute({
  method: "get",
  path: "/api/v1/queries/{name}/rows",
  summary: "The rows of a query as they are now, or with follow as they change",
  request: { params: nameParameter, query: rowsParameters },
  responses: {
    200: {
      description: "The rows. Lines are as a file sink writes them.",
      content: {
        "application/json": { schema: rowsSchema },
        "application/x-ndjson": { schema: eventSchema.describe("A row a line") },
      },
    },
    400: WRONG,
    404: NO_QUERY,
    503: TOO_MANY,
    ...REFUSALS,
  },
});

export const eventsRoute = createRoute({
  method: "get",
  path: "/api/v1/queries/{name}/events",
  summary: "The rows of a query and its changes as server-sent events",
  request: { params: nameParameter, query: eventsParameters },
  responses: {
    200: text("Events; Last-Event-ID goes on after one", "text/event-stream"),
    400: WRONG,
    404: NO_QUERY,
    503: TOO_MANY,
    ...REFUSALS,
  },
});

export const statusRoute = createRoute({
  method: "get",
  path: "/api/v1/status",
  summary: "The last batch's report",
  responses: { 200: json("The report, the job and its totals", statusSchema), ...REFUSALS },
});

export const batchesRoute = createRoute({
  method: "get",
  path: "/api/v1/batches",
  summary: "The reports of the last batches, oldest first",
  request: { query: batchesParameters },
  responses: { 200: json("The reports", batchesSchema), 400: WRONG, ...REFUSALS },
});

export const graphRoute = createRoute({
  method: "get",
  path: "/api/v1/graph",
  summary: "The job's sources, queries and sinks, and what goes from one to the other",
  responses: { 200: json("The graph, with the last batches' rates", graphSchema), ...REFUSALS },
});

export const lettersRoute = createRoute({
  method: "get",
  path: "/api/v1/dead-letters",
  summary: "Dead letters by their kinds of reasons, each with one of them",
  responses: { 200: json("The kinds that came last at the end", lettersSchema), ...REFUSALS },
});

export const lateRoute = createRoute({
  method: "get",
  path: "/api/v1/late",
  summary: "Late rows by their sources",
  responses: { 200: json("The sources that had any", lateSchema), ...REFUSALS },
});

const BUSY = json("Other queries run", errorSchema);

export const sqlRoute = createRoute({
  method: "post",
  path: "/api/v1/sql",
  summary: "The answer to an SQL query over the warehouse's tables and the rows that are watched",
  request: { body: { required: true, content: { "application/json": { schema: sqlBody } } } },
  responses: {
    200: {
      description: "The first rows, in the format that was asked for",
      content: {
        "application/json": { schema: sqlSchema },
        "application/x-ndjson": { schema: eventSchema.describe("A row a line") },
        "text/csv": { schema: eventSchema.describe("With a line of names") },
        "application/vnd.apache.parquet": { schema: eventSchema.describe("A file") },
      },
    },
    400: json("The query is wrong, or it was given up", errorSchema),
    415: json("The body is not called JSON", errorSchema),
    503: BUSY,
    ...REFUSALS,
  },
});

export const sqlTablesRoute = createRoute({
  method: "get",
  path: "/api/v1/sql/tables",
  summary: "The tables that a query may name, with their columns",
  responses: { 200: json("The tables", sqlTablesSchema), 400: WRONG, 503: BUSY, ...REFUSALS },
});

export const liveRoute = createRoute({
  method: "get",
  path: SOCKET_PATH,
  summary: "The WebSocket: subscriptions to queries, version 1 of the protocol",
  responses: {
    101: { description: "The connection is a WebSocket now" },
    426: json("This is no WebSocket handshake", errorSchema),
    ...REFUSALS,
  },
});

export const metricsRoute = createRoute({
  method: "get",
  path: "/metrics",
  summary: "Figures for Prometheus",
  responses: { 200: text("Prometheus' text format"), ...REFUSALS },
});

export const grafanaRoute = createRoute({
  method: "get",
  path: "/api/v1/grafana.json",
  summary: "A dashboard for Grafana over the figures for Prometheus",
  responses: { 200: json("What Grafana imports", dashboardSchema), ...REFUSALS },
});

export const healthRoute = createRoute({
  method: "get",
  path: "/healthz",
  summary: "Whether the server answers; needs no token",
  responses: { 200: json("It does", healthSchema), 403: REFUSALS[403] },
});

export const readinessRoute = createRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether the job has started and has not failed; needs no token",
  responses: {
    200: json("It is ready", readinessSchema),
    503: json("It is not", readinessSchema),
    403: REFUSALS[403],
  },
});
