/** OAUTHBEARER: tokens from an endpoint, for client credentials (RFC 6749, 4.4). */

import { z } from "zod";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { SaslOptions } from "./options.ts";

/** As upstream's `oauthbearer_token_refresh_cb` returns it. `lifetime`: its end, milliseconds since 1970. */
export interface BearerToken {
  readonly tokenValue: string;
  readonly lifetime: number;
  readonly principal: string;
}

const TIMEOUT_MS = 8000;
const DEFAULT_LIFETIME_S = 300;

const answerForm = z.object({ access_token: z.string(), expires_in: z.number().optional() });

/** Throws code `io`, without a secret in its words. */
export async function fetchToken(sasl: SaslOptions, nowMs: number): Promise<BearerToken> {
  const endpoint = sasl.token_endpoint ?? "";
  const form = new URLSearchParams({ grant_type: "client_credentials" });
  if (sasl.scope !== undefined) form.set("scope", sasl.scope);
  const credentials = [sasl.client_id, sasl.client_secret].map((part) => encodeURIComponent(part ?? ""));
  const fail = (reason: string, cause?: unknown): StreamkitError =>
    new StreamkitError("io", `No token from ${endpoint}: ${reason}`, { component: "kafka", cause });
  let response: Response;
  try {
    response = await fetch(endpoint, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(credentials.join(":")).toString("base64")}` },
      body: form,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw fail(messageOf(error), error);
  }
  if (!response.ok) throw fail(`it answered ${response.status} ${response.statusText}`);
  const answer = answerForm.safeParse(await response.json().catch(() => undefined));
  if (!answer.success) throw fail("its answer has no access_token");
  const { access_token: tokenValue, expires_in: seconds = DEFAULT_LIFETIME_S } = answer.data;
  return { tokenValue, lifetime: nowMs + seconds * 1000, principal: principalOf(tokenValue) };
}

/** The subject of a JSON Web Token; empty where the token is another kind of text. */
function principalOf(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const subject = (claims as { sub?: unknown } | null)?.sub;
    return typeof subject === "string" ? subject : "";
  } catch {
    return "";
  }
}
