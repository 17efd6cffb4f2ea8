/**
 * The web site whose access log is simulated: what it serves, and who asks. All ASCII, as it stands in a log.
 */

import { integerBelow, oneOf, type Random } from "./random.ts";

export interface Resource {
  readonly kind: "page" | "asset" | "api" | "form";
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly sizeBytes: number;
}

const SECTIONS = ["shoes", "jackets", "tents", "packs", "stoves", "maps", "ropes", "lamps"] as const;
const PAGES_PER_SECTION = 12;
const POSTS = 60;

const page = (path: string, sizeBytes: number): Resource => ({
  kind: "page",
  method: "GET",
  path,
  sizeBytes,
});
const asset = (path: string, sizeBytes: number): Resource => ({
  kind: "asset",
  method: "GET",
  path,
  sizeBytes,
});
const api = (path: string, sizeBytes: number): Resource => ({ kind: "api", method: "GET", path, sizeBytes });
const form = (path: string, sizeBytes: number): Resource => ({
  kind: "form",
  method: "POST",
  path,
  sizeBytes,
});

/** From the hottest path to the coldest. */
export const RESOURCES: readonly Resource[] = [
  page("/", 14_820),
  asset("/css/site.css", 38_211),
  asset("/js/app.js", 121_904),
  asset("/img/logo.svg", 4_312),
  asset("/favicon.ico", 1_150),
  api("/api/cart", 412),
  api("/api/search?q=tent&page=1", 5_230),
  page("/sale", 21_377),
  asset("/fonts/inter.woff2", 98_312),
  form("/api/cart/items", 188),
  form("/login", 640),
  page("/blog", 17_005),
  api("/api/search?q=rain%20jacket&page=1", 6_118),
  form("/checkout", 2_204),
  ...SECTIONS.map((section, index) => page(`/${section}`, 18_000 + 731 * index)),
  ...SECTIONS.flatMap((section, index) =>
    Array.from({ length: PAGES_PER_SECTION }, (_, item) => [
      page(`/${section}/${section.slice(0, -1)}-${item + 1}`, 9_500 + ((item * 977 + index * 311) % 7_000)),
      asset(`/img/${section}/${item + 1}.jpg`, 41_000 + ((item * 7_919 + index * 3_571) % 160_000)),
    ]).flat(),
  ),
  ...Array.from({ length: POSTS }, (_, post) =>
    page(`/blog/${2023 + (post % 4)}/${post + 1}`, 8_200 + 97 * post),
  ),
];

export const PAGES: readonly Resource[] = RESOURCES.filter(({ kind }) => kind === "page");

/** Moved or gone: answered with 301 or 404. */
export const OLD_PATHS = [
  "/index.php",
  "/shop/item?id=4711",
  "/blog/feed.xml",
  "/img/old-logo.gif",
  "/about.html",
];
/** What scanners try. */
export const PROBED_PATHS = [
  "/wp-login.php",
  "/.env",
  "/phpmyadmin/",
  "/xmlrpc.php",
  "/.git/config",
  "/admin",
];

export const SITE_URL = "https://shop.example";
export const SEARCH_REFERRERS = [
  "https://www.google.com/",
  "https://www.bing.com/search?q=light+tent",
  "https://duckduckgo.com/",
  "https://news.ycombinator.com/item?id=40000001",
];

const CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0";
const WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1";
const BROWSERS = [
  `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36`,
  `Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) ${WEBKIT} Mobile/15E148 Safari/604.1`,
  `Mozilla/5.0 (Linux; Android 10; K) ${CHROME} Mobile Safari/537.36`,
  `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Safari/605.1.15`,
  "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
  "ShopApp/4.2 (Android 14; okhttp/4.12.0)",
];

export interface Robot {
  readonly addresses: readonly string[];
  readonly protocol: string;
  /** A scanner asks for what no link leads to. */
  readonly isScanner: boolean;
  readonly agent: string;
}

const crawler = (addresses: readonly string[], agent: string): Robot => ({
  addresses,
  protocol: "HTTP/1.1",
  isScanner: false,
  agent,
});
const scanner = (address: string, agent: string): Robot => ({
  addresses: [address],
  protocol: "HTTP/1.0",
  isScanner: true,
  agent,
});

/** From the busiest to the quietest. One agent has quotes in it: a log writes them as `\"`. */
export const ROBOTS: readonly Robot[] = [
  crawler(
    ["66.249.66.1", "66.249.66.77", "66.249.66.140"],
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
  ),
  crawler(
    ["40.77.167.5", "157.55.39.12"],
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
  ),
  crawler(["54.36.148.21"], "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
  crawler(
    ["20.171.206.9"],
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
  ),
  scanner("185.220.101.33", "-"),
  crawler(
    ["2a03:2880:f800:1::1"],
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
  ),
  scanner("45.155.205.99", "python-requests/2.32.3"),
  crawler(["198.51.100.200"], String.raw`PriceWatch/1.0 (\"best price\" crawler)`),
];

export interface Visitor {
  readonly address: string;
  readonly user: string;
  readonly protocol: string;
  readonly agent: string;
}

const IPV6_SHARE = 0.12;
const SIGNED_IN_SHARE = 0.03;
const HTTP2_SHARE = 0.7;

/** A person with a browser of their own. */
export function createVisitor(random: Random): Visitor {
  const hextet = () => integerBelow(random, 0x10000).toString(16);
  const octet = () => 1 + integerBelow(random, 254);
  const isV6 = random.share() < IPV6_SHARE;
  return {
    address: isV6
      ? `2001:db8:${hextet()}:${hextet()}::${hextet()}`
      : `${1 + integerBelow(random, 220)}.${octet()}.${octet()}.${octet()}`,
    user: random.share() < SIGNED_IN_SHARE ? `user${integerBelow(random, 1000)}` : "-",
    protocol: random.share() < HTTP2_SHARE ? "HTTP/2.0" : "HTTP/1.1",
    agent: oneOf(random, BROWSERS),
  };
}
