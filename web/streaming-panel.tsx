/** How the stream is doing: rates, times, lags, losses. */

import type { BatchReport } from "../src/server/protocol.ts";
import { compactText, countText, durationText, timeText } from "./format.ts";
import { knownNow, liveState, revision } from "./live.ts";
import { Bars } from "./spark.tsx";
import { inputRate, median, outputRate, outputRowsOf, watermarkLagMs } from "./streaming.ts";

const SLOTS = 90;

export function StreamingPanel() {
  void revision.value;
  const { reports, feed } = liveState();
  const rate = feed.ended ? undefined : inputRate(reports, knownNow.value);
  return (
    <section class="card streaming" aria-label="Streaming">
      <header class="card-head">
        <h2>Streaming</h2>
        <span class="muted num">
          {reports.length > 0 && `batch ${countText(reports.at(-1)?.batch ?? 0)}`}
        </span>
      </header>
      <div class="charts">
        <figure>
          <figcaption>
            <span>{feed.kind === "engine" ? "Input rate" : "Row rate"}</span>
            <b class="num" data-testid="input-rate">
              {rate === undefined ? "–" : `${compactText(Math.round(rate))}/s`}
            </b>
          </figcaption>
          <Bars bars={reports.map(inputBar)} slots={SLOTS} label="Input rows of the last batches" />
        </figure>
        {feed.kind === "engine" && <ProcessingChart reports={reports} />}
      </div>
      <dl class="tiles">{feed.kind === "engine" ? <EngineTiles /> : <LineTiles />}</dl>
    </section>
  );
}

function ProcessingChart({ reports }: { reports: readonly BatchReport[] }) {
  return (
    <figure>
      <figcaption>
        <span>
          Processing time <i class="key-extra">+ scheduling delay</i>
        </span>
        <b class="num" data-testid="processing-time">
          {durationText(reports.at(-1)?.processingMs)}
        </b>
      </figcaption>
      <Bars bars={reports.map(processingBar)} slots={SLOTS} label="Processing time of the last batches" />
    </figure>
  );
}

function EngineTiles() {
  const { reports, totals, feed } = liveState();
  const last = reports.at(-1);
  const nowMs = feed.ended ? undefined : knownNow.value;
  const outRate = outputRate(reports, nowMs);
  return (
    <>
      <Tile name="Median time" text={durationText(median(reports.map((report) => report.processingMs)))} />
      <Tile name="Scheduling delay" text={durationText(last?.schedulingDelayMs)} isBad={isBehind(reports)} />
      <Tile
        name="Watermark lag"
        text={durationText(watermarkLagMs(reports, nowMs))}
        testId="watermark-lag"
        hint={`The watermark is at ${timeText(last?.watermarkMs ?? null)} UTC`}
      />
      <Tile name="Late rows" text={compactText(totals.lateRows)} isBad={totals.lateRows > 0} />
      <Tile name="Dead letters" text={compactText(totals.deadLetters)} isBad={totals.deadLetters > 0} />
      <Tile name="Input rows" text={compactText(totals.inputRows)} />
      <Tile
        name="Output rows"
        text={compactText(totals.outputRows)}
        hint={outRate === undefined ? "" : `${compactText(Math.round(outRate))} a second`}
      />
    </>
  );
}

function LineTiles() {
  const { totals, feed } = liveState();
  return (
    <>
      <Tile name="Rows" text={compactText(totals.inputRows)} />
      <Tile name="Updates" text={compactText(totals.batches)} />
      <Tile name="Broken lines" text={compactText(feed.brokenLines)} isBad={feed.brokenLines > 0} />
    </>
  );
}

function Tile(props: { name: string; text: string; hint?: string; isBad?: boolean; testId?: string }) {
  const { name, text, hint = "", isBad = false, testId } = props;
  return (
    <div class={isBad ? "tile bad" : "tile"} title={hint}>
      <dt>{name}</dt>
      <dd class="num" data-testid={testId}>
        {text}
      </dd>
    </div>
  );
}

/** True while batches start late: more comes in than can be done. */
function isBehind(reports: readonly BatchReport[]): boolean {
  const recent = reports.slice(-5);
  return recent.length === 5 && recent.every((report) => report.schedulingDelayMs > 500);
}

function inputBar(report: BatchReport) {
  const [rowsIn, rowsOut] = [countText(report.inputRows), countText(outputRowsOf(report))];
  return { title: `batch ${report.batch}: ${rowsIn} rows in, ${rowsOut} out`, value: report.inputRows };
}

function processingBar(report: BatchReport) {
  const { batch, processingMs, schedulingDelayMs } = report;
  const delay = schedulingDelayMs > 0 ? `, started ${durationText(schedulingDelayMs)} late` : "";
  return {
    title: `batch ${batch}: ${durationText(processingMs)}${delay}`,
    value: processingMs,
    extra: schedulingDelayMs,
  };
}
