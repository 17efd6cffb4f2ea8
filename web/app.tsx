/** The page: what is on it, and where. */

import { ChartCard } from "./chart-card.tsx";
import { timeText } from "./format.ts";
import { liveSequence, liveState, phase, revision } from "./live.ts";
import { LiveTables, otherTables } from "./live-tables.tsx";
import { StreamingPanel } from "./streaming-panel.tsx";
import { sets } from "./view.ts";
import { WatchList } from "./watch-list.tsx";

export function App() {
  const hasCandles = sets.value.length > 0;
  const hasRows = hasCandles || otherTables.value.length > 0;
  return (
    <div class={hasCandles ? "page with-candles" : "page"}>
      <TopBar />
      <main>
        {hasCandles && <WatchList />}
        {hasCandles && <ChartCard />}
        {!hasRows && <Waiting />}
        <StreamingPanel />
        <LiveTables />
      </main>
      <footer>
        Charts by{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
          TradingView Lightweight Charts™
        </a>
      </footer>
    </div>
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

function ConnectionPill() {
  void revision.value;
  const { ended } = liveState().feed;
  const [kind, text] =
    phase.value === "reconnecting"
      ? ["lost", "Reconnecting…"]
      : phase.value === "connecting"
        ? ["lost", "Connecting…"]
        : ended
          ? ["ended", "Stream ended"]
          : ["live", "Live"];
  return (
    <span class={`connection ${kind}`} role="status" data-testid="connection">
      <i aria-hidden="true" />
      {text}
    </span>
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
