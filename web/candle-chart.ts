/** The candlestick chart with its volume, as one thing that shows a list of candles. */

import {
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  createChart,
  HistogramSeries,
  type IChartApi,
  type IPriceLine,
  LineStyle,
  PriceScaleMode,
  TickMarkType,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import type { Candle } from "./candle-store.ts";
import { type ChartLine, createChartLines } from "./chart-lines.ts";
import { priceDigits } from "./format.ts";

/** Candles that differ at the end of an otherwise equal list are updated one by one; more are drawn anew. */
const MAX_UPDATES = 32;
const FIRST_VISIBLE_BARS = 90;

export type DrawnCandle = Omit<Candle, "trades" | "vwap">;

export interface CandleChart {
  /** Shows candles, or what is new of them. Another `name` is another subject: the view starts anew. */
  show(subject: ChartSubject): void;
  setScale(scale: keyof typeof SCALE_MODES): void;
  /** Scrolls to the newest candle. */
  toLatest(): void;
  /** What is drawn, read back from the chart. */
  drawn(): DrawnCandle[];
  close(): void;
}

interface ChartSubject {
  readonly name: string;
  /** In the order of time. */
  readonly candles: readonly Candle[];
  /** 0 where it is not known. */
  readonly windowMs: number;
  readonly lines: readonly ChartLine[];
}

const SCALE_MODES = {
  linear: PriceScaleMode.Normal,
  log: PriceScaleMode.Logarithmic,
  percent: PriceScaleMode.Percentage,
} as const;

export interface ChartEvents {
  /** The candle under the pointer, or undefined. */
  readonly hovered: (candle: Candle | undefined) => void;
  /** Whether the newest candle is out of sight. */
  readonly scrolledBack: (isBack: boolean) => void;
}

const MINUTE_MS = 60_000;

export function createCandleChart(host: HTMLElement, { hovered, scrolledBack }: ChartEvents): CandleChart {
  const chart = createChart(host, {
    autoSize: true,
    crosshair: { mode: CrosshairMode.Normal },
    timeScale: {
      timeVisible: true,
      secondsVisible: false,
      rightOffset: 4,
      borderVisible: false,
      minBarSpacing: 1,
    },
    rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.24 } },
    layout: { attributionLogo: false },
  });
  // The chart's own label is of the last candle in sight, which need not be the newest.
  const prices = chart.addSeries(CandlestickSeries, {
    borderVisible: false,
    lastValueVisible: false,
    priceLineVisible: false,
  });
  let newest: IPriceLine | undefined;
  const volumes = chart.addSeries(HistogramSeries, {
    priceScaleId: "volume",
    priceFormat: { type: "volume" },
    lastValueVisible: false,
    priceLineVisible: false,
  });
  volumes.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });

  let showsSeconds = false;
  let shownName: string | undefined;
  let shown: readonly Candle[] = [];
  let volumeColors = { up: "", down: "" };

  const lines = createChartLines(chart, (name) => colorsOf(host)(name));
  const darkness = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const color = colorsOf(host);
    volumeColors = { up: color("--up-soft"), down: color("--down-soft") };
    paintChart(chart, color);
    prices.applyOptions({
      upColor: color("--up"),
      downColor: color("--down"),
      wickUpColor: color("--up"),
      wickDownColor: color("--down"),
    });
    volumes.setData(shown.map(bar));
    lines.paint();
    markNewest();
  };
  const bar = (candle: Candle) => ({
    time: timeOf(candle),
    value: candle.volume ?? 0,
    color: candle.close >= candle.open ? volumeColors.up : volumeColors.down,
  });
  /** A line at the newest price, and its label on the axis. */
  const markNewest = (): void => {
    const last = shown.at(-1);
    if (last === undefined) {
      if (newest !== undefined) prices.removePriceLine(newest);
      newest = undefined;
      return;
    }
    const options = {
      price: last.close,
      color: colorsOf(host)(last.close >= last.open ? "--up" : "--down"),
      lineStyle: LineStyle.Dotted,
      lineWidth: 1 as const,
      axisLabelVisible: true,
      title: "",
    };
    if (newest === undefined) newest = prices.createPriceLine(options);
    else newest.applyOptions(options);
  };
  paint();
  darkness.addEventListener("change", paint);
  chart.subscribeCrosshairMove(({ time }) => {
    hovered(typeof time === "number" ? shown.findLast((candle) => timeOf(candle) === time) : undefined);
  });

  chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
    scrolledBack(range !== null && range.to < shown.length - 1);
  });

  return {
    show({ name, candles, windowMs, lines: wanted }) {
      const isOther = name !== shownName || shown.length === 0;
      const changed = isOther ? undefined : changedEnd(shown, candles);
      shown = candles;
      shownName = name;
      if (changed === undefined) {
        prices.setData(candles.map((candle) => ({ ...candle, time: timeOf(candle) })));
        volumes.setData(candles.map(bar));
      } else {
        for (const candle of changed) {
          prices.update({ ...candle, time: timeOf(candle) });
          volumes.update(bar(candle));
        }
      }
      // A compared symbol's candles need not be as many.
      const changedFrom = changed === undefined ? undefined : candles.length - changed.length;
      const isAlike = wanted.every(({ points }) => points.length === candles.length);
      lines.show(wanted, isAlike ? changedFrom : undefined);
      markNewest();
      const needsSeconds = windowMs > 0 && windowMs < MINUTE_MS;
      if (needsSeconds !== showsSeconds) chart.timeScale().applyOptions(secondsOptions(needsSeconds));
      showsSeconds = needsSeconds;
      if (!isOther) return;
      startView(chart, candles);
      prices.applyOptions({ priceFormat: priceFormatOf(candles) });
    },
    setScale: (scale) => chart.priceScale("right").applyOptions({ mode: SCALE_MODES[scale] }),
    toLatest: () => chart.timeScale().scrollToRealTime(),
    drawn() {
      const volumeAt = new Map(
        volumes.data().map((each) => [each.time, "value" in each ? each.value : undefined]),
      );
      return prices.data().flatMap((each) => {
        if (!("open" in each) || typeof each.time !== "number") return [];
        const { time, open, high, low, close } = each;
        return [{ timeMs: time * 1000, open, high, low, close, volume: volumeAt.get(time) }];
      });
    },
    close() {
      darkness.removeEventListener("change", paint);
      chart.remove();
    },
  };
}

/**
 * The candles to update so that `before` becomes `after`; undefined where they differ in more than the end.
 * The first to be updated is never older than the chart's last one, which is all the chart can take.
 */
function changedEnd(before: readonly Candle[], after: readonly Candle[]): readonly Candle[] | undefined {
  const last = before.length - 1;
  if (last < 0 || after.length - before.length > MAX_UPDATES) return undefined;
  if (after[last]?.timeMs !== before[last]?.timeMs) return undefined;
  for (let index = 0; index < last; index += 1) {
    const [a, b] = [before[index], after[index]];
    const isSame = a !== undefined && b !== undefined && a.timeMs === b.timeMs && isEqualBar(a, b);
    if (!isSame) return undefined;
  }
  return after.slice(last);
}

function isEqualBar(a: Candle, b: Candle): boolean {
  return (
    a.open === b.open && a.high === b.high && a.low === b.low && a.close === b.close && a.volume === b.volume
  );
}

/** Whole minutes have seconds too where candles are shorter than one: else they look like minutes. */
function secondsOptions(isShown: boolean) {
  const tickMarkFormatter = (time: Time, kind: TickMarkType): string | null =>
    typeof time === "number" && (kind === TickMarkType.Time || kind === TickMarkType.TimeWithSeconds)
      ? new Date(time * 1000).toISOString().slice(11, isShown ? 19 : 16)
      : null;
  return { secondsVisible: isShown, tickMarkFormatter };
}

function timeOf(candle: Candle): UTCTimestamp {
  return (candle.timeMs / 1000) as UTCTimestamp;
}

function startView(chart: IChartApi, candles: readonly Candle[]): void {
  const to = candles.length + 3;
  chart.priceScale("right").applyOptions({ autoScale: true });
  chart
    .timeScale()
    .setVisibleLogicalRange({ from: Math.min(to - FIRST_VISIBLE_BARS, candles.length - 24), to });
}

function priceFormatOf(candles: readonly Candle[]) {
  const precision = priceDigits(candles.at(-1)?.close ?? 1);
  return { type: "price", precision, minMove: 10 ** -precision } as const;
}

function colorsOf(host: HTMLElement): (name: string) => string {
  const style = getComputedStyle(host);
  return (name) => style.getPropertyValue(name).trim();
}

function paintChart(chart: IChartApi, color: (name: string) => string): void {
  const line = { color: color("--faint"), labelBackgroundColor: color("--label") };
  chart.applyOptions({
    layout: {
      background: { type: ColorType.Solid, color: color("--panel") },
      textColor: color("--muted"),
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
    },
    grid: { vertLines: { color: color("--grid") }, horzLines: { color: color("--grid") } },
    crosshair: { vertLine: line, horzLine: line },
  });
}
