/** The page for whoever runs the job: does it keep up, what does each batch cost, what is lost and why. */

import type { BatchReport } from "../src/server/protocol.ts";
import { countText, durationText, timeText } from "./format.ts";
import { GraphTable, LateTable, LetterTable } from "./job-tables.tsx";
import { liveState, revision } from "./live.ts";
import { Bars } from "./spark.tsx";
import { outputRowsOf } from "./streaming.ts";
import { StreamingPanel } from "./streaming-panel.tsx";
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

const BATCH_COLUMNS = [
  "Batch",
  "Started (UTC)",
  "Delay",
  "Processing",
  "Rows in",
  "Rows out",
  "Late",
  "Dead letters",
  "Watermark (UTC)",
];

function Batches({ reports }: { reports: readonly BatchReport[] }) {
  return (
    <section class="card" aria-label="Batches">
      <header class="card-head">
        <h2>Batches</h2>
        <span class="muted num">the last {countText(Math.min(SHOWN_BATCHES, reports.length))}</span>
      </header>
      <div class="rows-scroll">
        <table class="rows" aria-label="The last batches">
          <thead>
            <tr>
              {BATCH_COLUMNS.map((name) => (
                <th key={name} scope="col" class={/UTC/.test(name) ? "" : "figure"}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {reports
              .slice(-SHOWN_BATCHES)
              .toReversed()
              .map((report) => (
                <BatchRow key={`${report.batch}-${report.startedAtMs}`} report={report} />
              ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function BatchRow({ report }: { report: BatchReport }) {
  const { lateRows, deadLetters } = report;
  return (
    <tr>
      <td class="figure num">{countText(report.batch)}</td>
      <td class="num">{timeText(report.startedAtMs)}</td>
      <td class="figure num">{durationText(report.schedulingDelayMs)}</td>
      <td class="figure num">{durationText(report.processingMs)}</td>
      <td class="figure num">{countText(report.inputRows)}</td>
      <td class="figure num">{countText(outputRowsOf(report))}</td>
      <td class={lateRows > 0 ? "figure num bad" : "figure num"}>{countText(lateRows)}</td>
      <td class={deadLetters > 0 ? "figure num bad" : "figure num"}>{countText(deadLetters)}</td>
      <td class="num">{timeText(report.watermarkMs)}</td>
    </tr>
  );
}
