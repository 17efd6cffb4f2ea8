/** The chosen symbol: its figures, the choice of interval, the chart. */

import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { createCandleChart, type DrawnCandle } from "./candle-chart.ts";
import type { Candle } from "./candle-store.ts";
import type { Interval } from "./candles.ts";
import { lines, scale } from "./chart-choices.ts";
import { ChartTools } from "./chart-tools.tsx";
import { compactText, percentText, priceDigits, priceText, windowText } from "./format.ts";
import { Segments } from "./segments.tsx";
import { chooseInterval, interval, intervals, quote, shown, symbol } from "./view.ts";

const isScrolledBack = signal(false);
const hovered = signal<Candle | undefined>(undefined);

/** A test, or a curious person in the console, reads here what the chart has drawn. */
export interface ChartHost extends HTMLDivElement {
  candles?: () => DrawnCandle[];
}

export function ChartCard() {
  return (
    <section class="card chart-card" aria-label="Chart">
      <header class="chart-head">
        <Headline />
        <div class="chart-controls">
          <ChartTools />
          <Intervals />
        </div>
      </header>
      <Legend />
      <Chart />
    </section>
  );
}

function Headline() {
  const now = quote.value;
  return (
    <div class="headline">
      <h2>{symbol.value ?? "…"}</h2>
      {now !== undefined && (
        <>
          <span class="headline-price num">{priceText(now.last)}</span>
          <span class={`pill num ${directionOf(now.changePercent)}`}>{percentText(now.changePercent)}</span>
        </>
      )}
    </div>
  );
}

function Intervals() {
  if (intervals.value.length < 2) return null;
  const nameOf = ({ windowMs, query }: Interval): string => windowText(windowMs) ?? query;
  const chosen = interval.value;
  return (
    <Segments
      label="Interval"
      name="interval"
      segments={intervals.value.map((each) => ({
        id: nameOf(each),
        text: nameOf(each),
        title: each.isRolledUp ? `made of query ${each.query}` : `query ${each.query}`,
      }))}
      chosen={chosen && nameOf(chosen)}
      choose={(name) => {
        const wanted = intervals.value.find((each) => nameOf(each) === name);
        if (wanted !== undefined) chooseInterval(wanted);
      }}
    />
  );
}

function Legend() {
  const candle = hovered.value ?? shown.value.candles.at(-1);
  if (candle === undefined) return <p class="legend">No candles yet</p>;
  const digits = priceDigits(candle.close);
  const figures: [string, string][] = [
    ["O", priceText(candle.open, digits)],
    ["H", priceText(candle.high, digits)],
    ["L", priceText(candle.low, digits)],
    ["C", priceText(candle.close, digits)],
  ];
  if (candle.volume !== undefined) figures.push(["Vol", compactText(candle.volume)]);
  if (candle.vwap !== undefined) figures.push(["VWAP", priceText(candle.vwap, digits)]);
  if (candle.trades !== undefined) figures.push(["Trades", compactText(candle.trades)]);
  return (
    <dl class={`legend num ${directionOf(candle.close - candle.open)}`}>
      {figures.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

function Chart() {
  const host = useRef<ChartHost>(null);
  const toLatest = useRef(() => {});
  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const chart = createCandleChart(element, {
      hovered(candle) {
        hovered.value = candle;
      },
      scrolledBack(isBack) {
        isScrolledBack.value = isBack;
      },
    });
    toLatest.current = () => chart.toLatest();
    element.candles = () => chart.drawn();
    const stopScaling = effect(() => chart.setScale(scale.value));
    const stop = effect(() => {
      const { name, candles, windowMs } = shown.value;
      chart.show({ name, candles, windowMs, lines: lines.value });
      element.dataset["candles"] = String(candles.length);
      element.dataset["lastCandle"] = JSON.stringify(candles.at(-1) ?? null);
    });
    return () => {
      stop();
      stopScaling();
      chart.close();
    };
  }, []);
  return (
    <div class="chart-frame">
      <div
        class="chart"
        ref={host}
        data-testid="chart"
        role="img"
        aria-label={`Candles of ${symbol.value}`}
      />
      {isScrolledBack.value && (
        <button type="button" class="to-latest" onClick={() => toLatest.current()}>
          Go to latest →
        </button>
      )}
    </div>
  );
}

export function directionOf(change: number): "up" | "down" | "flat" {
  return change > 0 ? "up" : change < 0 ? "down" : "flat";
}
