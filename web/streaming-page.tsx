/** The page that says whether the job keeps up, what each batch costs, and what is lost and why. */

import type { BatchReport } from "../src/server/protocol.ts";
import { countText, durationText, timeText } from "./format.ts";
import { GraphTable, LateTable, LetterTable } from "./job-tables.tsx";
import { liveState, revision } from "./live.ts";
import { Bars } from "./spark.tsx";
import { outputRowsOf } from "./streaming.ts";
import { StreamingPanel } from "./streaming-panel.tsx";
import { columnsOf, TableCard, type TableRow } from "./table.tsx";
import { doublingBins, quantile, verdictOf } from "./verdict.ts";

const SHOWN_BATCHES = 50;

export function StreamingPage() {
  void revision.value;
  const { reports, feed } = liveState();
  const verdict = feed.ended ? undefined : verdictOf(reports);
  return (
    <main class="streaming-page">
      {verdict !== undefined && (
        <p class={`verdict ${verdict.kind}`} data-testid="verdict">
          {verdict.text}
        </p>
      )}
      <StreamingPanel />
      <Distribution reports={reports} />
      <GraphTable />
      <LetterTable />
      <LateTable />
      <Batches reports={reports} />
    </main>
  );
}

function Distribution({ reports }: { reports: readonly BatchReport[] }) {
  const times = reports.map(({ processingMs }) => processingMs);
  if (times.length === 0) return null;
  const bins = doublingBins(times).map(({ from, to, count }) => ({
    value: count,
    title: `${durationText(from)} to ${durationText(to)}: ${countText(count)} batches`,
  }));
  const figures = [0.5, 0.95, 0.99].map(
    (share) => [`${share * 100} %`, durationText(quantile(times, share))] as const,
  );
  return (
    <section class="card" aria-label="Processing times">
      <header class="card-head">
        <h2>Processing times</h2>
        <span class="muted num">of {countText(times.length)} batches</span>
      </header>
      <div class="distribution">
        <Bars bars={bins} slots={bins.length} label="How many batches took how long" />
        <dl class="legend num">
          {figures.map(([name, text]) => (
            <div key={name}>
              <dt>{name} within</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      </div>
    </section>
  );
}

const BATCH_COLUMNS = columnsOf([
  "Batch#",
  "Started (UTC)",
  "Delay#",
  "Processing#",
  "Rows in#",
  "Rows out#",
  "Late#",
  "Dead letters#",
  "Watermark (UTC)",
]);
const LATE_CELL = 6;
const DEAD_CELL = 7;

function Batches({ reports }: { reports: readonly BatchReport[] }) {
  const shown = reports.slice(-SHOWN_BATCHES).toReversed();
  return (
    <TableCard
      title="Batches"
      note={`the last ${countText(shown.length)}`}
      label="The last batches"
      columns={BATCH_COLUMNS}
      rows={shown.map(batchRow)}
    />
  );
}

function batchRow(report: BatchReport): TableRow {
  const { lateRows, deadLetters } = report;
  return {
    key: `${report.batch}-${report.startedAtMs}`,
    bad: [...(lateRows > 0 ? [LATE_CELL] : []), ...(deadLetters > 0 ? [DEAD_CELL] : [])],
    cells: [
      countText(report.batch),
      timeText(report.startedAtMs),
      durationText(report.schedulingDelayMs),
      durationText(report.processingMs),
      countText(report.inputRows),
      countText(outputRowsOf(report)),
      countText(lateRows),
      countText(deadLetters),
      timeText(report.watermarkMs),
    ],
  };
}
