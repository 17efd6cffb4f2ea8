/**
 * Access log of a web shop in Apache's combined format: people come by day and robots at all hours, few paths
 * are hot and many are cold, and at times the servers behind the site fail.
 */

import type { EventKind } from "./event-kind.ts";
import { createRandom, integerBelow, oneOf, type Random, zipfPicker } from "./random.ts";
import {
  createVisitor,
  OLD_PATHS,
  PAGES,
  PROBED_PATHS,
  RESOURCES,
  type Resource,
  ROBOTS,
  SEARCH_REFERRERS,
  SITE_URL,
} from "./site.ts";
import { byMinute, logTimeText } from "./times.ts";

const VISITORS = 3000;
const VISITOR_EXPONENT = 0.6;
const PATH_EXPONENT = 1.0;
/** Robots' requests for each request of a person at the busiest hour. */
const ROBOT_WEIGHT = 0.12;
const BUSIEST_HOUR_UTC = 20;
const TIMEOUT_SHARE = 0.0005;

/** What a request got. Sizes are the log's text: `-` where there is no body. */
interface Answer {
  readonly status: number;
  readonly size: string;
}

export function accessLog(seed: number, random: Random): EventKind {
  const visitors = Array.from({ length: VISITORS }, () => createVisitor(random));
  const pickVisitor = zipfPicker(VISITORS, VISITOR_EXPONENT);
  const pickResource = zipfPicker(RESOURCES.length, PATH_EXPONENT);
  const pickRobot = zipfPicker(ROBOTS.length, 1);
  const robotShare = byMinute(robotShareAt);
  const isFailing = errorBursts(seed);
  const timeText = logTimeText();
  let timeMs = 0;
  /** What stands before the time and after it. */
  let client = "";
  let rest = "";

  const drawPerson = (): void => {
    const visitor = visitors[pickVisitor(random.share())] as (typeof visitors)[number];
    client = `${visitor.address} - ${visitor.user} `;
    if (random.share() < TIMEOUT_SHARE) {
      // A connection that said nothing.
      rest = ' "-" 408 - "-" "-"';
      return;
    }
    const resource = RESOURCES[pickResource(random.share())] as Resource;
    const answer = answerTo(resource, isFailing(timeMs), random);
    const path = answer.status === 404 || answer.status === 301 ? oneOf(random, OLD_PATHS) : resource.path;
    const request = `${resource.method} ${path} ${visitor.protocol}`;
    const referrer = referrerOf(resource, random);
    rest = ` "${request}" ${answer.status} ${answer.size} "${referrer}" "${visitor.agent}"`;
  };
  const drawRobot = (): void => {
    const robot = ROBOTS[pickRobot(random.share())] as (typeof ROBOTS)[number];
    client = `${oneOf(random, robot.addresses)} - - `;
    const { path, answer } = robot.isScanner ? probe(random) : crawl(isFailing(timeMs), random);
    rest = ` "GET ${path} ${robot.protocol}" ${answer.status} ${answer.size} "-" "${robot.agent}"`;
  };
  return {
    header: undefined,
    draw(atMs) {
      timeMs = atMs;
      if (random.share() < robotShare(atMs)) drawRobot();
      else drawPerson();
    },
    line: () => client + timeText(timeMs) + rest,
  };
}

function answerTo(resource: Resource, isFailing: boolean, random: Random): Answer {
  const luck = random.share();
  if (resource.kind === "asset") {
    if (luck < 0.25) return { status: 304, size: "-" };
    if (luck < 0.26) return { status: 206, size: String(1 + integerBelow(random, resource.sizeBytes)) };
    return { status: 200, size: String(resource.sizeBytes) };
  }
  if (luck < (isFailing ? 0.6 : 0.001)) return failure(random);
  if (luck > 0.99) return { status: 404, size: "512" };
  if (luck > 0.98) return { status: 301, size: "178" };
  if (resource.kind === "form" && luck > 0.7) return { status: luck > 0.85 ? 302 : 401, size: "-" };
  return { status: 200, size: sizeAround(resource.sizeBytes, random) };
}

function failure(random: Random): Answer {
  return { status: oneOf(random, [500, 502, 503, 503, 504]), size: "612" };
}

/** What is made for each visitor differs a little in size. */
function sizeAround(sizeBytes: number, random: Random): string {
  return String(Math.round(sizeBytes * (0.95 + 0.1 * random.share())));
}

function crawl(isFailing: boolean, random: Random): { path: string; answer: Answer } {
  const luck = random.share();
  if (luck < 0.08) return { path: "/robots.txt", answer: { status: 200, size: "214" } };
  if (luck < 0.12) return { path: "/sitemap.xml", answer: { status: 200, size: "20481" } };
  if (luck < 0.18) return { path: oneOf(random, OLD_PATHS), answer: { status: 404, size: "512" } };
  const page = oneOf(random, PAGES);
  return { path: page.path, answer: answerTo(page, isFailing, random) };
}

function probe(random: Random): { path: string; answer: Answer } {
  const isForbidden = random.share() < 0.3;
  return { path: oneOf(random, PROBED_PATHS), answer: { status: isForbidden ? 403 : 404, size: "512" } };
}

function referrerOf(resource: Resource, random: Random): string {
  const isFirstPage = resource.kind === "page" && random.share() < 0.6;
  if (!isFirstPage) return SITE_URL + oneOf(random, PAGES).path;
  return random.share() < 0.6 ? "-" : oneOf(random, SEARCH_REFERRERS);
}

/** People sleep, robots don't. */
function robotShareAt(timeMs: number): number {
  const hour = (timeMs / 3_600_000) % 24;
  const daylight = (1 + Math.cos((2 * Math.PI * (hour - BUSIEST_HOUR_UTC)) / 24)) / 2;
  return ROBOT_WEIGHT / (ROBOT_WEIGHT + 0.2 + 0.8 * daylight);
}

const BURST_SLOT_MS = 600_000;
const BURST_LIKELIHOOD = 0.35;
const BURST_MS = { low: 30_000, high: 120_000 };

/** In about every third ten minutes of event time the servers fail for half a minute to two. */
export function errorBursts(seed: number): (timeMs: number) => boolean {
  let lastSlot = Number.NaN;
  let fromMs = 0;
  let toMs = 0;
  return (timeMs) => {
    const slot = Math.floor(timeMs / BURST_SLOT_MS);
    if (slot !== lastSlot) {
      lastSlot = slot;
      const random = createRandom(Math.imul(seed + slot, 0x9e3779b1), 0);
      const lengthMs = BURST_MS.low + (BURST_MS.high - BURST_MS.low) * random.share();
      fromMs = slot * BURST_SLOT_MS + (BURST_SLOT_MS - lengthMs) * random.share();
      toMs = random.share() < BURST_LIKELIHOOD ? fromMs + lengthMs : fromMs;
    }
    return timeMs >= fromMs && timeMs < toMs;
  };
}
