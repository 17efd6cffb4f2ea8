/** What a person chose to see in the chart beside candles, and the lines that are made of it. */

import { computed, signal } from "@preact/signals";
import type { Candle } from "./candle-store.ts";
import type { ChartLine } from "./chart-lines.ts";
import {
  bollingerBands,
  dayAverage,
  exponentialAverage,
  relativeStrength,
  simpleAverage,
} from "./indicators.ts";
import { oneOf, remembered, someOf } from "./preferences.ts";
import { candlesOf, interval, shown, symbol, symbols } from "./view.ts";

export const INDICATORS = {
  sma: "SMA 20",
  ema: "EMA 50",
  bollinger: "Bollinger 20, 2",
  vwap: "VWAP of the day",
  rsi: "RSI 14",
} as const;
export type Indicator = keyof typeof INDICATORS;
const INDICATOR_NAMES = Object.keys(INDICATORS) as Indicator[];

const SCALES = ["linear", "log", "percent"] as const;
export type Scale = (typeof SCALES)[number];

export const indicators = remembered<readonly Indicator[]>("indicators", someOf(INDICATOR_NAMES), ["sma"]);
const chosenScale = remembered<Scale>("scale", oneOf(SCALES), "linear");
/** Prices of different sizes can be compared in percent only. */
export const scale = computed<Scale>(() => (compared.value.length > 0 ? "percent" : chosenScale.value));

const wanted = signal<readonly string[]>([]);
/** The symbols that the chosen one is compared with. */
export const compared = computed(() =>
  wanted.value.filter((name) => name !== symbol.value && symbols.value.includes(name)),
);
/** As many as there are colours. */
export const MAX_COMPARED = 4;

export function chooseScale(next: Scale): void {
  chosenScale.value = next;
}

export function toggleIndicator(name: Indicator): void {
  const before = indicators.value;
  indicators.value = before.includes(name) ? before.filter((each) => each !== name) : [...before, name];
}

export function compareWith(name: string): void {
  wanted.value = [...compared.value, name].slice(-MAX_COMPARED);
}

export function compareNoMore(name: string): void {
  wanted.value = wanted.value.filter((each) => each !== name);
}

/** The lines over and under the candles that are shown. */
export const lines = computed<readonly ChartLine[]>(() => {
  const { candles } = shown.value;
  const closes = candles.map(({ close }) => close);
  const drawn = indicators.value.flatMap((name) => indicatorLines(name, candles, closes));
  return [...drawn, ...compared.value.map(comparedLine)];
});

function indicatorLines(name: Indicator, candles: readonly Candle[], closes: readonly number[]): ChartLine[] {
  const line = (
    id: string,
    color: string,
    values: readonly (number | undefined)[],
    { title = "", pane = 0 }: { title?: string; pane?: 0 | 1 } = {},
  ): ChartLine => {
    const points = candles.map(({ timeMs }, index) => ({ timeMs, value: values[index] }));
    return { id, title, color, pane, points };
  };
  switch (name) {
    case "sma":
      return [line("sma", "--line-1", simpleAverage(closes, 20), { title: INDICATORS.sma })];
    case "ema":
      return [line("ema", "--line-2", exponentialAverage(closes, 50), { title: INDICATORS.ema })];
    case "vwap":
      return [line("vwap", "--line-3", dayAverage(candles), { title: "VWAP" })];
    case "rsi":
      return [line("rsi", "--line-4", relativeStrength(closes, 14), { title: INDICATORS.rsi, pane: 1 })];
    case "bollinger": {
      const { upper, lower } = bollingerBands(closes, 20, 2);
      return [
        line("bollinger-upper", "--line-5", upper, { title: "BB" }),
        line("bollinger-lower", "--line-5", lower),
      ];
    }
  }
}

function comparedLine(name: string, index: number): ChartLine {
  const of = interval.value;
  const candles = of === undefined ? [] : candlesOf(of, name);
  const points = candles.map(({ timeMs, close }) => ({ timeMs, value: close }));
  return { id: `compare-${name}`, title: name, color: `--line-${index + 2}`, pane: 0, points };
}
