/** Who may see a dashboard that other machines reach. */

import { afterEach, describe, expect, test } from "bun:test";
import { messageOf } from "../../src/base/error.ts";
import { configureLogging } from "../../src/base/log.ts";
import { accessTo, sayWhoSees } from "../../src/commands/dashboard-flags.ts";
import { refusal } from "../../src/server/access.ts";
import { openHub } from "../../src/server/hub.ts";
import { type DashboardServer, startServer } from "../../src/server/server.ts";

const said: string[] = [];
configureLogging("info", (line) => said.push(line));

const servers: DashboardServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  said.splice(0);
});

async function started(token: string): Promise<string> {
  const server = await startServer({ hub: openHub(), port: 0, token });
  servers.push(server);
  return server.url;
}

describe("a token", () => {
  test("is asked for by everything but the health check, and is shown as a bearer's", async () => {
    const url = await started("s3cret");
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(`${url}${path}`, { headers, redirect: "manual" })).status;
    for (const path of ["/", "/api/snapshot", "/api/history?query=q", "/main.js", "/nothing"])
      expect(await status(path)).toBe(401);
    expect(await status("/live", { upgrade: "websocket", connection: "Upgrade" })).toBe(401);
    expect(await status("/healthz")).toBe(200);
    expect(await status("/api/snapshot", { authorization: "Bearer s3cret" })).toBe(200);
    for (const wrong of ["Bearer s3cre", "Bearer s3cret2", "Bearer ", "s3cret", "Basic s3cret"])
      expect(await status("/api/snapshot", { authorization: wrong })).toBe(401);
  });

  test("in the page's address becomes a cookie that does not give it away", async () => {
    const url = await started("s3cret");
    const opened = await fetch(`${url}/?token=s3cret`, { redirect: "manual" });
    expect([opened.status, opened.headers.get("location")]).toEqual([303, "/"]);
    const cookie = opened.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^streamkit_access=[\w-]+; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain("s3cret");
    const [pair = ""] = cookie.split(";");
    expect((await fetch(`${url}/api/snapshot`, { headers: { cookie: `a=b; ${pair}` } })).status).toBe(200);
    expect((await fetch(`${url}/api/snapshot`, { headers: { cookie: `${pair}x` } })).status).toBe(401);
    expect((await fetch(`${url}/?token=wrong`, { redirect: "manual" })).status).toBe(401);
  });
});

describe("hosts", () => {
  const asked = (host: string, bound: string, allowedHosts: readonly string[] = []) =>
    refusal(new Headers({ host }), { host: bound, allowedHosts });

  test("beyond this machine, addresses pass and names only where they are allowed", () => {
    for (const host of ["192.0.2.7:8080", "[2001:db8::1]:8080", "localhost:8080", "127.0.0.1"])
      expect(asked(host, "0.0.0.0")).toBeUndefined();
    for (const host of ["evil.example:8080", "127.0.0.1.evil.example", "", "wiki.example"])
      expect(asked(host, "0.0.0.0", ["board.example"])).toContain("--allow-host");
    expect(asked("Board.Example:8080", "0.0.0.0", ["board.example"])).toBeUndefined();
    expect(asked("board.example", "127.0.0.1", ["board.example"])).toBeUndefined();
  });
});

describe("an address that other machines reach", () => {
  test.each(["", " "])("%p is none", (host) => {
    expect(() => accessTo(host, { insecure: true })).toThrow("needs an address to listen at");
  });

  test.each(["0.0.0.0", "::", "192.0.2.7", "board.example"])("%s wants a token or --insecure", (host) => {
    expect(() => accessTo(host, {})).toThrow("could be read by every machine that reaches it");
    for (const flags of [{ token: "t" }, { insecure: true }]) {
      sayWhoSees(accessTo(host, flags));
      expect(said.splice(0).join()).toContain(`the dashboard listens at ${host}, beyond this machine`);
    }
  });

  test.each(["127.0.0.1", "localhost", "::1", "[::1]", "127.0.1.1"])("%s wants none", (host) => {
    sayWhoSees(accessTo(host, {}));
    expect(said).toEqual([]);
  });
});

test("an empty host of a receiver is refused, also where a variable was empty", async () => {
  const { resolveSource } = await import("../../src/sources/list.ts");
  for (const url of ["tcp://:5140", "http://:8080/", "syslog://:514", "syslog+udp://:514"])
    expect(() => resolveSource(url)).toThrow("expected");
  const { resolveInput } = await import("../../src/collect/inputs/list.ts");
  let message = "";
  try {
    resolveInput({ http: { listen: ":8080" } });
  } catch (error) {
    message = messageOf(error);
  }
  expect(message).toContain("every address is 0.0.0.0");
});
