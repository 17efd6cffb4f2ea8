/**
 * Servers as writers of logs: a format's text and values make a line, as nginx's and Apache's sources say.
 * It shares nothing with the readers.
 */

import fc from "fast-check";

export interface RenderedLog {
  readonly logFormat: string;
  readonly lines: readonly string[];
  /** Of each line the columns that are expected. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** A value as it stands in the log, and as it should come back. */
type Value = readonly [logged: string, read: unknown];
/** A variable's text in the format, the column it becomes, and its values. */
type Source = readonly [text: string, column: string, values: fc.Arbitrary<Value>];

const same = (text: string): Value => [text, text];
const none: fc.Arbitrary<Value> = fc.constant(["-", null]);
const orNone = (values: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 5, arbitrary: values }, { weight: 1, arbitrary: none });

const ADDRESSES = ["192.0.2.1", "2001:db8::7", "::1", "unix:", "host.example"].map(same);
const address = fc.constantFrom(...ADDRESSES);
const integer = orNone(fc.nat().map((number): Value => [String(number), number]));
const status = fc.constantFrom("200", "404", "499", "000", "500").map((text): Value => [text, Number(text)]);
const seconds = orNone(fc.nat(99_999).map((ms): Value => [(ms / 1000).toFixed(3), ms / 1000]));
const words = fc.stringMatching(/^[A-Za-z0-9._~:/-]{1,12}$/).filter((text) => text !== "-");
const word = orNone(words.map(same));

const LETTERS = Array.from("abc XYZ019-_=&?/+.,;:'|()[]{}%#@!\"\\$éпß€😀");
/** Any text, but none that the servers write for nothing. */
const anyText = fc
  .array(fc.constantFrom(...LETTERS), { minLength: 1, maxLength: 14 })
  .map((letters) => letters.join(""))
  .filter((text) => text !== "-");

const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0").toUpperCase()}`).join("");
const bytesOf = (letter: string): Uint8Array => new TextEncoder().encode(letter);
const isPlain = (letter: string): boolean => letter >= " " && letter < "\u007f";

/** ngx_http_log_escape: quotes, backslashes, control characters and all that is not ASCII. */
function nginxEscaped(text: string): string {
  return Array.from(text, (letter) =>
    isPlain(letter) && letter !== '"' && letter !== "\\" ? letter : hex(bytesOf(letter)),
  ).join("");
}

/** ap_escape_logitem: quotes and backslashes by a backslash, other bytes that can't be printed as `\xhh`. */
function apacheEscaped(text: string): string {
  return Array.from(text, (letter) => {
    if (letter === '"' || letter === "\\") return `\\${letter}`;
    return isPlain(letter) ? letter : hex(bytesOf(letter)).toLowerCase();
  }).join("");
}

/** A time of a whole second, as `%d/%b/%Y:%H:%M:%S %z` in some zone. */
const clfTime: fc.Arbitrary<Value> = fc
  .record({ second: fc.integer({ min: 0, max: 2_000_000_000 }), quarters: fc.integer({ min: -48, max: 56 }) })
  .map(({ second, quarters }) => {
    const local = new Date((second + quarters * 900) * 1000);
    const two = (number: number): string => String(number).padStart(2, "0");
    const month = local.toUTCString().slice(8, 11);
    const minutes = Math.abs(quarters * 15);
    const zone = `${quarters < 0 ? "-" : "+"}${two(Math.trunc(minutes / 60))}${two(minutes % 60)}`;
    const clock = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(two).join(":");
    return [
      `${two(local.getUTCDate())}/${month}/${local.getUTCFullYear()}:${clock} ${zone}`,
      new Date(second * 1000).toISOString(),
    ];
  });

const isoTime: fc.Arbitrary<Value> = fc
  .integer({ min: 0, max: 2_000_000_000 })
  .map((second) => [
    new Date((second + 7200) * 1000).toISOString().replace(".000Z", "+02:00"),
    new Date(second * 1000).toISOString(),
  ]);
const epochTime: fc.Arbitrary<Value> = fc
  .integer({ min: 0, max: 2_000_000_000_000 })
  .map((ms) => [(ms / 1000).toFixed(3), new Date(ms).toISOString()]);

interface Server {
  /** Times, of which a format has one. */
  readonly times: readonly Source[];
  /** What is written without quotes. */
  readonly bare: readonly Source[];
  /** What is written in quotes; the server escapes it. */
  readonly quoted: readonly (readonly [text: string, column: string])[];
  escaped(text: string): string;
  /** The format as it stands in the configuration. */
  written(format: string): fc.Arbitrary<string>;
}

export const nginx: Server = {
  times: [
    ["[$time_local]", "ts", clfTime.map(([logged, read]): Value => [`[${logged}]`, read])],
    ["$time_iso8601", "ts", isoTime],
    ["$msec", "ts", epochTime],
    ['"$time_local"', "ts", clfTime.map(([logged, read]): Value => [`"${logged}"`, read])],
  ],
  bare: [
    ["$remote_addr", "client", address],
    ["$status", "status", status],
    ["$body_bytes_sent", "bytes", integer],
    ["$bytes_sent", "bytes_sent", integer],
    ["$request_length", "request_length", integer],
    ["$request_time", "request_time", seconds],
    ["$request_id", "request_id", word],
    ["${pipe}", "pipe", fc.constantFrom(same("p"), same("."))],
  ],
  quoted: [
    ["$http_user_agent", "agent"],
    ["$http_referer", "referrer"],
    ["$http_x_forwarded_for", "http_x_forwarded_for"],
    ["$upstream_response_time", "upstream_response_time"],
    ["$my_map", "my_map"],
    ["$remote_user", "user"],
  ],
  escaped: nginxEscaped,
  written(format) {
    // nginx reads each piece by itself: no variable begins in one and ends in the next.
    const cuts = [...format.matchAll(/ /g)].map(({ index }) => index);
    const cut = fc.constantFrom(0, format.length, ...cuts);
    const inPieces = (at: number): string =>
      [format.slice(0, at), format.slice(at)]
        .map((piece) => `'${piece.replaceAll("'", "\\'")}'`)
        .join("\n    ");
    return fc.oneof(
      fc.constant(format),
      cut.map((at) => `log_format main ${inPieces(at)};`),
      cut.map((at) => `main escape=default\n${inPieces(at)}`),
    );
  },
};

export const apache: Server = {
  times: [
    ["%t", "ts", clfTime.map(([logged, read]): Value => [`[${logged}]`, read])],
    ["%{sec}t", "ts", fc.nat(2_000_000_000).map((s): Value => [`${s}`, new Date(s * 1000).toISOString()])],
    [
      "[%{%Y-%m-%d %T}t.%{msec_frac}t %{%z}t]",
      "ts",
      fc.integer({ min: 0, max: 2_000_000_000_000 }).map((ms): Value => {
        const local = new Date(ms - 5.5 * 3_600_000).toISOString();
        return [`[${local.slice(0, 10)} ${local.slice(11, 23)} -0530]`, new Date(ms).toISOString()];
      }),
    ],
  ],
  bare: [
    ["%h", "client", address],
    ["%>s", "status", status],
    ["%b", "bytes", integer],
    ["%O", "bytes_sent", integer],
    ["%I", "bytes_received", integer],
    ["%D", "duration_us", integer],
    [
      "%v:%p",
      "server_name",
      words.map((name): Value => [`${name.replaceAll(":", "")}x:443`, name.replaceAll(":", "") + "x"]),
    ],
    ["%{SSL_PROTOCOL}x", "ssl_protocol", word],
  ],
  quoted: [
    ["%{User-Agent}i", "agent"],
    ["%{Referer}i", "referrer"],
    ["%{X-Forwarded-For}i", "http_x_forwarded_for"],
    ["%{Set-Cookie}o", "sent_http_set_cookie"],
    ["%u", "user"],
    ["%{session}C", "cookie_session"],
  ],
  escaped: apacheEscaped,
  written(format) {
    const inQuotes = `"${format.replaceAll('"', '\\"')}"`;
    return fc.constantFrom(format.replaceAll('"', '\\"'), `LogFormat ${inQuotes} mine`, inQuotes);
  },
};

const SEPARATORS = [" ", " ", " ", " - ", " | ", "\t", ", ", " x="];

/** Random formats of a server with lines of random values. */
export function renderedLogs(server: Server): fc.Arbitrary<RenderedLog> {
  const quotedSources = server.quoted.map(
    ([text, column]): Source => [
      `"${text}"`,
      column,
      fc.oneof(
        { weight: 5, arbitrary: anyText.map((value): Value => [`"${server.escaped(value)}"`, value]) },
        { weight: 1, arbitrary: fc.constant<Value>(['"-"', null]) },
      ),
    ],
  );
  const layout = fc.record({
    time: fc.constantFrom(...server.times),
    others: fc.shuffledSubarray([...server.bare, ...quotedSources], { minLength: 1 }),
    at: fc.nat(20),
    // Mostly one space, as servers have it: other layouts are read in another way.
    separators: fc.oneof(
      fc.constant(Array<string>(20).fill(" ")),
      fc.array(fc.constantFrom(...SEPARATORS), { minLength: 20, maxLength: 20 }),
    ),
  });
  return layout.chain(({ time, others, at, separators }) => {
    const sources = others.toSpliced(at % (others.length + 1), 0, time);
    const joined = (texts: readonly string[]): string =>
      texts.map((text, index) => (index === 0 ? text : `${separators[index]}${text}`)).join("");
    const line = fc.tuple(...sources.map(([, , values]) => values));
    return fc
      .tuple(
        server.written(joined(sources.map(([text]) => text))),
        fc.array(line, { minLength: 1, maxLength: 6 }),
      )
      .map(([logFormat, lines]) => ({
        logFormat,
        lines: lines.map((values) => joined(values.map(([logged]) => logged))),
        rows: lines.map((values) =>
          Object.fromEntries(values.map(([, read], index) => [sources[index]?.[1] ?? "", read])),
        ),
      }));
  });
}
