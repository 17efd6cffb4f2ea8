/**
 * The WebSocket protocol of `/api/v1/live`, version 1, as its users see it: `src/manual/api.md` describes it.
 * Whoever changes a message in a way that a client can notice gives it a new version and a new path.
 */

import { z } from "@hono/zod-openapi";
import { readExactJson } from "../../base/exact-json.ts";
import type { Column } from "../protocol.ts";

export const SOCKET_PATH = "/api/v1/live";
export const SOCKET_VERSION = 1;

const MAX_KEY_COLUMNS = 16;
const MAX_KEYS = 1000;

const keyValue = z.union([z.string(), z.number(), z.boolean()]);

const clientMessage = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("subscribe"),
    id: z.string().min(1).max(200),
    query: z.string(),
    keys: z
      .record(z.string(), z.array(keyValue).min(1).max(MAX_KEYS))
      .refine((keys) => Object.keys(keys).length <= MAX_KEY_COLUMNS, "too many columns")
      .default({}),
    resume: z.strictObject({ instance: z.string(), sequence: z.int().min(0) }).optional(),
  }),
  z.strictObject({ type: z.literal("unsubscribe"), id: z.string() }),
]);

export type ClientMessage = z.infer<typeof clientMessage>;

/** What the server says beside `snapshot` and `delta`, which a topic encodes. */
export type SocketMessage =
  | {
      readonly type: "hello";
      readonly version: number;
      readonly instance: string;
      readonly heartbeatMs: number;
    }
  | {
      readonly type: "subscribed";
      readonly id: string;
      /** Names the messages that follow; subscriptions to the same rows have the same. */
      readonly topic: number;
      readonly query: string;
      readonly mode: string;
      readonly key: readonly string[];
      readonly columns: readonly Column[];
    }
  | { readonly type: "unsubscribed"; readonly id: string }
  | { readonly type: "error"; readonly id?: string; readonly message: string }
  | { readonly type: "ended"; readonly reason: string | null }
  | { readonly type: "alive"; readonly nowMs: number };

/** The message, or what is wrong with it as a sentence. */
export function readClientMessage(text: string): ClientMessage | { readonly wrong: string } {
  let json: unknown;
  try {
    json = readExactJson(text);
  } catch {
    return { wrong: "A message is one JSON object" };
  }
  const parsed = clientMessage.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue === undefined || issue.path.length === 0 ? "message" : issue.path.join(".");
  return { wrong: `${at}: ${issue?.message ?? "not understood"}` };
}
