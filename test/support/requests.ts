/** What `fixtures/access-log.yaml` must find in a log, in plain code. */

interface Request {
  readonly client: string;
  /** The start of its minute. */
  readonly minute: string;
  /** Null where the client sent no request. */
  readonly path: string | null;
  readonly status: number;
  readonly bytes: number | undefined;
  readonly isRobot: boolean;
}

const QUOTED = String.raw`"((?:[^"\\]|\\.)*)"`;
const COMBINED = new RegExp(
  String.raw`^(\S+) \S+ \S+ \[(\S+) \+0000\] ${QUOTED} (\d+) (\d+|-) ${QUOTED} ${QUOTED}$`,
);
const ROBOT = /bot|crawl|spider|slurp|fetch|monitor|curl|wget|python|java\/|go-http/i;

/** Of lines that are all well formed. */
export function requestsOf(lines: readonly string[]): Request[] {
  return lines.map((line) => {
    const found = COMBINED.exec(line);
    if (found === null) throw new Error(`No request: ${line}`);
    const [, client = "", time = "", request = "", status, bytes = "", , agent = ""] = found;
    const [day = "", hour, minute] = time.split(":");
    return {
      client,
      minute: new Date(`${day.replaceAll("/", " ")} ${hour}:${minute}:00 GMT`).toISOString(),
      path: request.split(" ")[1]?.replaceAll(/\\(["\\])/g, "$1") ?? null,
      status: Number(status),
      bytes: bytes === "-" ? undefined : Number(bytes),
      isRobot: agent !== "-" && ROBOT.test(agent),
    };
  });
}

/** A row for each minute in which a person asked for something, but for the approximate count. */
export function trafficOf(requests: readonly Request[]): Record<string, unknown>[] {
  return [...Map.groupBy(people(requests), ({ minute }) => minute)].map(([minute, group]) => {
    const sizes = group.flatMap(({ bytes }) => bytes ?? []).toSorted((a, b) => a - b);
    return {
      window_start: minute,
      requests: group.length,
      errors: group.filter(({ status }) => status >= 400).length,
      bytes: sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0),
      clients: new Set(group.map(({ client }) => client)).size,
      p50_bytes: quantile(sizes, 0.5),
      p95_bytes: quantile(sizes, 0.95),
      dt: minute.slice(0, 10),
    };
  });
}

/** The ten paths of each minute that people asked for most. */
export function topPathsOf(requests: readonly Request[]): Record<string, unknown>[] {
  return [...Map.groupBy(people(requests), ({ minute }) => minute)].flatMap(([minute, group]) =>
    [...Map.groupBy(group, ({ path }) => path)]
      .map(([path, same]) => ({ path, requests: same.length }))
      .toSorted((a, b) => b.requests - a.requests || (isBefore(a.path, b.path) ? -1 : 1))
      .slice(0, 10)
      .map((top, index) => ({ window_start: minute, ...top, place: index + 1, dt: minute.slice(0, 10) })),
  );
}

/** Null stands last. */
function isBefore(a: string | null, b: string | null): boolean {
  return a !== null && (b === null || a < b);
}

function people(requests: readonly Request[]): readonly Request[] {
  return requests.filter(({ isRobot }) => !isRobot);
}

/** Between two values by the share of the way, to a thousandth. */
function quantile(sorted: readonly number[], share: number): number | null {
  const place = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) return null;
  return Math.round((low + (high - low) * (place - Math.floor(place))) * 1000) / 1000;
}
