/** Lines in a chart beside its candles: indicators, and other symbols to compare with. */

import {
  type IChartApi,
  type ISeriesApi,
  type LineData,
  LineSeries,
  type UTCTimestamp,
  type WhitespaceData,
} from "lightweight-charts";

export interface ChartLine {
  readonly id: string;
  readonly title: string;
  /** A colour of the page's, as in `--line-1`. */
  readonly color: string;
  /** 0: over the candles. 1: in a pane of its own below. */
  readonly pane: 0 | 1;
  /** In the order of time; without a value there is a hole. */
  readonly points: readonly { readonly timeMs: number; readonly value: number | undefined }[];
}

export interface ChartLines {
  /** `changedFrom`: the index of the first point that is new; undefined where all may be. */
  show(lines: readonly ChartLine[], changedFrom: number | undefined): void;
  paint(): void;
}

const LOWER_PANE_PX = 96;

export function createChartLines(chart: IChartApi, colorOf: (name: string) => string): ChartLines {
  const drawn = new Map<string, { series: ISeriesApi<"Line">; line: ChartLine }>();

  function added(line: ChartLine): ISeriesApi<"Line"> {
    const series = chart.addSeries(
      LineSeries,
      {
        lineWidth: line.pane === 1 ? 1 : 2,
        priceLineVisible: false,
        lastValueVisible: true,
        crosshairMarkerVisible: false,
      },
      line.pane,
    );
    if (line.pane === 1) chart.panes()[1]?.setHeight(LOWER_PANE_PX);
    return series;
  }

  function look(line: ChartLine) {
    return { title: line.title, color: colorOf(line.color) };
  }

  return {
    show(lines, changedFrom) {
      const wanted = new Set(lines.map(({ id }) => id));
      for (const [id, { series }] of drawn) {
        if (wanted.has(id)) continue;
        chart.removeSeries(series);
        drawn.delete(id);
      }
      for (const line of lines) {
        const before = drawn.get(line.id);
        const series = before?.series ?? added(line);
        if (before === undefined || before.line.title !== line.title) series.applyOptions(look(line));
        if (before === undefined || changedFrom === undefined) series.setData(line.points.map(pointOf));
        else for (const point of line.points.slice(changedFrom)) series.update(pointOf(point));
        drawn.set(line.id, { series, line });
      }
    },
    paint() {
      for (const { series, line } of drawn.values()) series.applyOptions(look(line));
    },
  };
}

type Point = ChartLine["points"][number];

function pointOf({ timeMs, value }: Point): LineData<UTCTimestamp> | WhitespaceData<UTCTimestamp> {
  const time = (timeMs / 1000) as UTCTimestamp;
  return value === undefined ? { time } : { time, value };
}
