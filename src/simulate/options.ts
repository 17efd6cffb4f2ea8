/**
 * What can be said to the simulator: in a job file as `{simulate: {kind: quotes, …}}`, on the command line as
 * flags.
 */

import { z } from "zod";
import { durationMs, timeFlagMs } from "../base/units.ts";

const KINDS = ["quotes", "trades", "access-log"] as const;
const FORMATS = ["ndjson", "csv", "combined"] as const;
/** The formats that fit each kind, its default first. */
const FORMATS_OF = {
  quotes: ["ndjson", "csv"],
  trades: ["ndjson", "csv"],
  "access-log": ["combined"],
} as const satisfies Record<(typeof KINDS)[number], readonly (typeof FORMATS)[number][]>;

const MAX_SYMBOLS = 100_000;
const MAX_SEED = 2 ** 32 - 1;

const mustBe = (what: string) => ({
  error: (issue: { readonly input?: unknown }) => `must be ${what}: found ${JSON.stringify(issue.input)}`,
});
const DURATION = mustBe("a duration over 0 like 250ms, 5s or 1m");
const duration = z.string(DURATION).refine((text) => (durationMs(text) ?? 0) > 0, DURATION);
const SHARE = mustBe("a share between 0 and 1");
const share = z.number(SHARE).min(0, SHARE).max(1, SHARE);
const RATE = mustBe("a number of events a second, 0 or more");
const COUNT = mustBe("a whole number of events, 1 or more");
const SEED = mustBe(`a whole number between 0 and ${MAX_SEED}`);
const START = mustBe("an ISO 8601 time like 2026-01-05T14:30:00Z");
const SYMBOLS = mustBe(
  `how many (1 to ${MAX_SYMBOLS}), or different names of A-Z, a-z, 0-9, ".", "_" and "-"`,
);

const symbolName = z.string(SYMBOLS).regex(/^[\w.-]{1,32}$/, SYMBOLS);
const symbols = z
  .union(
    [
      z.int().min(1, SYMBOLS).max(MAX_SYMBOLS, SYMBOLS),
      z.array(symbolName).min(1, SYMBOLS).max(MAX_SYMBOLS, SYMBOLS),
    ],
    SYMBOLS,
  )
  .refine((names) => typeof names === "number" || new Set(names).size === names.length, SYMBOLS);

export const simulateOptions = z
  .strictObject({
    kind: z.enum(KINDS, mustBe("quotes, trades or access-log")).describe("quotes, trades or access-log"),
    rate: z.number(RATE).min(0, RATE).default(1000).describe("events a second; 0 = as fast as possible"),
    count: z.int(COUNT).min(1, COUNT).optional().describe("stop after this many events"),
    for: duration
      .optional()
      .describe("stop after this time; with a rate: exactly rate × time events after the history"),
    symbols: symbols
      .optional()
      .describe("how many symbols (SYM0001, SYM0002, …) or their names; the first trade most (default: 10)"),
    seed: z
      .int(SEED)
      .min(0, SEED)
      .max(MAX_SEED, SEED)
      .optional()
      .describe("same seed and start = same bytes (default: a new one each time)"),
    start: z
      .string(START)
      .refine((text) => startMsOf(text) !== undefined, START)
      .optional()
      .describe("event time of the first event (default: the wall clock)"),
    step: duration
      .optional()
      .describe(
        "event time between events (default: with a start 1/rate, or 1ms at rate 0; else the wall clock)",
      ),
    history: duration
      .optional()
      .describe("the first events, of this much event time, come at once; needs a start"),
    format: z
      .enum(FORMATS, mustBe("ndjson, csv or combined"))
      .optional()
      .describe("ndjson or csv for quotes and trades (default: ndjson), combined for access-log"),
    late: share.default(0).describe("share of events that come after later ones"),
    late_by: duration.default("5s").describe("late events come up to this much event time late"),
    duplicates: share.default(0).describe("share of events that come twice, within 16 events"),
    bad: share.default(0).describe("share of broken lines; each takes the place of its event"),
  })
  .superRefine((options, context) => {
    const formats: readonly string[] = FORMATS_OF[options.kind];
    const problem = (key: keyof typeof options, message: string): void =>
      context.addIssue({ code: "custom", path: [key], message });
    if (options.format !== undefined && !formats.includes(options.format))
      problem("format", `must be ${formats.join(" or ")} for ${options.kind}: found "${options.format}"`);
    if (options.kind === "access-log" && options.symbols !== undefined)
      problem("symbols", "is for quotes and trades: an access log has no symbols");
    if (options.history !== undefined && options.start === undefined)
      problem("history", "needs a start: it says how much of the stream since then comes at once");
    const faults = options.late + options.duplicates + options.bad;
    if (faults > 1 + 1e-9)
      problem("bad", `and late and duplicates must be at most 1 together: found ${faults}`);
  });

/** What a job file may say. */
export type SimulateOptions = z.input<typeof simulateOptions>;

/** The same with every choice made and every text a number. */
export interface SimulateSettings {
  readonly kind: (typeof KINDS)[number];
  readonly format: (typeof FORMATS)[number];
  /** Events a second; 0 = as fast as possible. */
  readonly rate: number;
  /** Events in all; infinite where nothing bounds it. */
  readonly maxEvents: number;
  /** The first events, which come at once. */
  readonly historyEvents: number;
  /** At rate 0 only: how long to go on. */
  readonly maxDurationMs: number;
  readonly symbols: readonly string[];
  readonly seed: number | undefined;
  readonly startMs: number | undefined;
  /** Undefined: the wall clock gives the event times. */
  readonly stepMs: number | undefined;
  readonly late: number;
  readonly lateByMs: number;
  readonly duplicates: number;
  readonly bad: number;
}

/** `options` must have passed `simulateOptions`. */
export function settingsOf(options: SimulateOptions): SimulateSettings {
  const { kind, rate, late, duplicates, bad, ...rest } = simulateOptions.parse(options);
  const startMs = rest.start === undefined ? undefined : startMsOf(rest.start);
  const forMs = rest.for === undefined ? Number.POSITIVE_INFINITY : (durationMs(rest.for) as number);
  const steadyStepMs = rate > 0 ? 1000 / rate : 1;
  const stepMs =
    rest.step !== undefined ? durationMs(rest.step) : startMs === undefined ? undefined : steadyStepMs;
  const historyMs = rest.history === undefined ? 0 : (durationMs(rest.history) as number);
  const historyEvents = Math.floor(historyMs / (stepMs ?? steadyStepMs));
  return {
    kind,
    format: rest.format ?? FORMATS_OF[kind][0],
    rate,
    maxEvents: Math.min(
      rest.count ?? Number.POSITIVE_INFINITY,
      rate > 0 ? Math.ceil((rate * forMs) / 1000) + historyEvents : Number.POSITIVE_INFINITY,
    ),
    historyEvents,
    maxDurationMs: rate > 0 ? Number.POSITIVE_INFINITY : forMs,
    symbols: symbolNames(rest.symbols ?? 10),
    seed: rest.seed,
    startMs,
    stepMs,
    late,
    lateByMs: durationMs(rest.late_by) as number,
    duplicates,
    bad,
  };
}

function symbolNames(symbols: number | readonly string[]): readonly string[] {
  if (typeof symbols !== "number") return symbols;
  return Array.from({ length: symbols }, (_, index) => `SYM${String(index + 1).padStart(4, "0")}`);
}

function startMsOf(text: string): number | undefined {
  try {
    return timeFlagMs("start", text);
  } catch {
    return undefined;
  }
}
