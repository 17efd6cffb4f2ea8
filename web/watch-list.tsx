/** The watch list: every symbol's latest figures, sortable, filterable, walked with the arrow keys. */

import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import type { Quote } from "./candles.ts";
import { directionOf } from "./chart-card.tsx";
import { compactText, countText, percentText, priceText, windowText } from "./format.ts";
import { Spark } from "./spark.tsx";
import {
  choose,
  closes,
  filterText,
  quotedSet,
  type SortColumn,
  sorting,
  symbol,
  symbolCount,
  watchList,
} from "./view.ts";

/** More rows than this a person filters rather than reads. */
const MAX_ROWS = 400;

/** `what`: a figure of the latest window, be that a day or less. */
const COLUMNS: readonly {
  readonly column: SortColumn;
  readonly title: string;
  /** Where the window's name stands behind it. */
  readonly short?: string;
  readonly what?: string;
}[] = [
  { column: "symbol", title: "Symbol" },
  { column: "last", title: "Last" },
  { column: "changePercent", title: "Chg", what: "Change since the open" },
  { column: "high", title: "High", what: "Highest price" },
  { column: "low", title: "Low", what: "Lowest price" },
  { column: "volume", title: "Volume", short: "Vol", what: "Volume" },
];

/** Figures of a day need no name; those of other windows say which. */
function headOf({ title, short = title, what }: (typeof COLUMNS)[number]): {
  readonly title: string;
  readonly hint: string;
} {
  const { windowMs } = quotedSet.value ?? {};
  const sorts = `sorts by ${title.toLowerCase()}`;
  if (what === undefined || windowMs === undefined)
    return { title, hint: `${sorts[0]?.toUpperCase()}${sorts.slice(1)}` };
  if (windowMs === DAY_MS) return { title, hint: `${what} of the day; ${sorts}` };
  const name = windowText(windowMs);
  if (name === undefined) return { title, hint: `${what} of the latest window; ${sorts}` };
  return { title: `${short} ${name}`, hint: `${what} of the latest window of ${name}; ${sorts}` };
}

const DAY_MS = 86_400_000;

export function WatchList() {
  const rows = watchList.value;
  return (
    <section class="card watch-card" aria-label="Watch list">
      <header class="card-head">
        <h2>
          Watch list <span class="muted num">{countText(symbolCount.value)}</span>
        </h2>
        <FilterBox />
      </header>
      <div class="watch-scroll">
        <table class="watch" aria-label="Symbols" onKeyDown={walk}>
          <thead>
            <tr>
              {COLUMNS.map((each) => (
                <HeadCell key={each.column} column={each.column} {...headOf(each)} />
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MAX_ROWS).map((quote) => (
              <QuoteRow key={quote.symbol} {...quote} isChosen={quote.symbol === symbol.value} />
            ))}
          </tbody>
        </table>
        {rows.length > MAX_ROWS && (
          <p class="note">{countText(rows.length - MAX_ROWS)} more: type in the filter to find them</p>
        )}
        {rows.length === 0 && <p class="note">No symbol matches</p>}
      </div>
    </section>
  );
}

function FilterBox() {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focusOnSlash = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLInputElement && event.target.type !== "radio";
      if (event.key !== "/" || isTyping) return;
      event.preventDefault();
      box.current?.focus();
    };
    document.addEventListener("keydown", focusOnSlash);
    return () => document.removeEventListener("keydown", focusOnSlash);
  }, []);
  return (
    <input
      ref={box}
      class="filter"
      type="search"
      placeholder="Filter  /"
      aria-label="Filter symbols"
      value={filterText.value}
      onInput={(event) => {
        filterText.value = event.currentTarget.value;
      }}
      onKeyDown={(event) => {
        const [first] = watchList.value;
        if (event.key === "Escape") filterText.value = "";
        else if (event.key === "Enter" && first !== undefined) choose({ symbol: first.symbol });
      }}
    />
  );
}

function HeadCell({ column, title, hint }: { column: SortColumn; title: string; hint: string }) {
  const { column: sorted, isDescending } = sorting.value;
  const isSorted = sorted === column;
  const order = isSorted ? (isDescending ? "descending" : "ascending") : "none";
  return (
    <th class={`col-${column}`} aria-sort={order} scope="col">
      <button
        type="button"
        title={hint}
        onClick={() => {
          // Names rise first, figures fall first; the same again turns it round.
          sorting.value = { column, isDescending: isSorted ? !isDescending : column !== "symbol" };
        }}
      >
        {title}
        <span class="arrow" aria-hidden="true">
          {isSorted ? (isDescending ? "↓" : "↑") : ""}
        </span>
      </button>
    </th>
  );
}

const QuoteRow = memo(function QuoteRow(props: Quote & { isChosen: boolean }) {
  const { symbol: name, last, changePercent, high, low, volume, isChosen } = props;
  return (
    <tr
      class={isChosen ? "chosen" : ""}
      tabIndex={isChosen ? 0 : -1}
      aria-selected={isChosen}
      data-symbol={name}
      onClick={() => choose({ symbol: name })}
    >
      <th class="col-symbol" scope="row">
        <span>{name}</span>
        <SparkOf symbol={name} direction={directionOf(changePercent)} />
      </th>
      <td class={`col-last num ${useFlash(last)}`}>{priceText(last)}</td>
      <td class={`col-changePercent num ${directionOf(changePercent)}`}>{percentText(changePercent)}</td>
      <td class="col-high num">{priceText(high)}</td>
      <td class="col-low num">{priceText(low)}</td>
      <td class="col-volume num">{compactText(volume)}</td>
    </tr>
  );
});

function SparkOf({ symbol, direction }: { symbol: string; direction: "up" | "down" | "flat" }) {
  return <Spark values={closes.value.get(symbol) ?? []} direction={direction} />;
}

/**
 * A class that lights the price up for a moment when it moved; two in turn, so that the animation starts
 * again.
 */
function useFlash(price: number): string {
  const flash = useRef({ price, turn: 0, name: "" });
  const before = flash.current;
  if (before.price !== price) {
    const turn = 1 - before.turn;
    flash.current = { price, turn, name: `flash-${price > before.price ? "up" : "down"}-${turn}` };
  }
  return flash.current.name;
}

function walk(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1, Home: Number.NEGATIVE_INFINITY, End: Number.POSITIVE_INFINITY }[
    event.key
  ];
  if (step === undefined) return;
  const rows = watchList.value.slice(0, MAX_ROWS);
  const at = rows.findIndex((quote) => quote.symbol === symbol.value);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  if (next === undefined) return;
  event.preventDefault();
  choose({ symbol: next.symbol });
  const table = event.currentTarget as HTMLElement;
  table.querySelector<HTMLElement>(`tr[data-symbol="${CSS.escape(next.symbol)}"]`)?.focus();
}
