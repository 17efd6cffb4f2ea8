/** The page: what is on it, and where. */

import { computed } from "@preact/signals";
import { addressOf, type Page, page } from "./address.ts";
import { ChartCard } from "./chart-card.tsx";
import { conditionOf } from "./condition.ts";
import { timeText } from "./format.ts";
import { heardAt, liveSequence, liveState, now, phase, revision } from "./live.ts";
import { LiveTables, otherTables } from "./live-tables.tsx";
import { SqlPage } from "./sql-page.tsx";
import { StreamingPage } from "./streaming-page.tsx";
import { StreamingPanel } from "./streaming-panel.tsx";
import { sets } from "./view.ts";
import { WatchList } from "./watch-list.tsx";

export function App() {
  const hasCandles = page.value === "overview" && sets.value.length > 0;
  return (
    <div class={hasCandles ? "page with-candles" : "page"}>
      <TopBar />
      <Notice />
      {page.value === "streaming" && <StreamingPage />}
      {page.value === "sql" && <SqlPage />}
      {page.value === "overview" && <Overview />}
      <footer>
        Charts by{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
          TradingView Lightweight Charts™
        </a>
      </footer>
    </div>
  );
}

function Overview() {
  const hasCandles = sets.value.length > 0;
  const hasRows = hasCandles || otherTables.value.length > 0;
  return (
    <main>
      {hasCandles && <WatchList />}
      {hasCandles && <ChartCard />}
      {!hasRows && <Waiting />}
      <StreamingPanel />
      <LiveTables />
    </main>
  );
}

const PAGE_NAMES: readonly (readonly [Page, string])[] = [
  ["overview", "Overview"],
  ["streaming", "Streaming"],
  ["sql", "SQL"],
];

function Pages() {
  return (
    <nav class="pages" aria-label="Pages">
      {PAGE_NAMES.map(([name, title]) => (
        <a key={name} href={addressOf(name)} aria-current={page.value === name ? "page" : undefined}>
          {title}
        </a>
      ))}
    </nav>
  );
}

function TopBar() {
  void revision.value;
  const { job, reports } = liveState();
  const eventTimeMs = reports.at(-1)?.maxEventTimeMs ?? null;
  return (
    <header class="top" data-sequence={liveSequence()} data-testid="top">
      <img src="icon.svg" alt="" width="26" height="26" />
      <h1>streamkit</h1>
      {job !== "" && <span class="job">{job}</span>}
      <Pages />
      <span class="spacer" />
      {eventTimeMs !== null && (
        <span class="event-time muted num" title="Event time of the newest event">
          {timeText(eventTimeMs)} UTC
        </span>
      )}
      <ConnectionPill />
    </header>
  );
}

const condition = computed(() => {
  void revision.value;
  const { feed, reports } = liveState();
  return conditionOf({ phase: phase.value, feed, reports, nowMs: now.value, heardAtMs: heardAt.value });
});

function ConnectionPill() {
  const { kind, text, notice } = condition.value;
  return (
    <span class={`connection ${kind}`} role="status" data-testid="connection" title={notice ?? ""}>
      <i aria-hidden="true" />
      {text}
    </span>
  );
}

/** What should not be overlooked: that what is shown is not what is. */
function Notice() {
  const { kind, notice } = condition.value;
  if (notice === undefined) return null;
  return (
    <p class={`notice ${kind}`} role="alert" data-testid="notice">
      {notice}
    </p>
  );
}

function Waiting() {
  return (
    <section class="card waiting">
      <h2>
        {liveState().feed.ended ? "The stream ended before its first row" : "Waiting for the first rows…"}
      </h2>
      <p class="muted">They appear here by themselves.</p>
    </section>
  );
}
