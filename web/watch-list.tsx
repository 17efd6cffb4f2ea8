/** The watch list: every symbol's latest figures, sortable, filterable, walked with the arrow keys. */

import { useSignal } from "@preact/signals";
import { memo } from "preact/compat";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Quote } from "./candles.ts";
import { directionOf } from "./chart-card.tsx";
import { compactText, countText, percentText, priceText, windowText } from "./format.ts";
import { revision } from "./live.ts";
import { Movers } from "./movers.tsx";
import { Spark } from "./spark.tsx";
import {
  chooseSymbol,
  closesOf,
  filterText,
  quotedSet,
  type SortColumn,
  sorting,
  symbol,
  symbolCount,
  watchList,
} from "./view.ts";

/** As the style has it. */
const ROW_PX = 32;
/** Rows out of sight that are there all the same, so that scrolling shows no hole. */
const SPARE_ROWS = 12;
/** Before the list's height is known. */
const FIRST_ROWS = 40;

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
  const scroller = useRef<HTMLDivElement>(null);
  const { first, end, follow } = useRowsInSight(scroller, rows.length);
  return (
    <section class="card watch-card" aria-label="Watch list">
      <header class="card-head">
        <h2>
          Watch list <span class="muted num">{countText(symbolCount.value)}</span>
        </h2>
        <FilterBox />
      </header>
      <div class="watch-scroll" ref={scroller} onScroll={follow}>
        <table class="watch" aria-label="Symbols" aria-rowcount={rows.length + 1} onKeyDown={walk}>
          <thead>
            <tr>
              {COLUMNS.map((each) => (
                <HeadCell key={each.column} column={each.column} {...headOf(each)} />
              ))}
            </tr>
          </thead>
          <tbody>
            <Gap rows={first} />
            {rows.slice(first, end).map((quote, index) => (
              <QuoteRow
                key={quote.symbol}
                {...quote}
                row={first + index + 2}
                isChosen={quote.symbol === symbol.value}
              />
            ))}
            <Gap rows={rows.length - end} />
          </tbody>
        </table>
        {rows.length === 0 && <p class="note">No symbol matches</p>}
      </div>
      <Movers />
    </section>
  );
}

/** The place of rows that are out of sight. */
function Gap({ rows }: { rows: number }) {
  if (rows <= 0) return null;
  return (
    <tr class="gap" aria-hidden="true" style={{ height: `${rows * ROW_PX}px` }}>
      <td colSpan={COLUMNS.length} />
    </tr>
  );
}

/** Which rows of so many are in sight, or nearly; `follow` looks again. */
function useRowsInSight(scroller: { readonly current: HTMLElement | null }, count: number) {
  const sight = useSignal({ first: 0, rows: FIRST_ROWS });
  const follow = (): void => {
    const element = scroller.current;
    if (element === null) return;
    // By steps, so that not every pixel draws anew.
    const first = Math.floor(element.scrollTop / ROW_PX / SPARE_ROWS) * SPARE_ROWS;
    const rows = Math.ceil(element.clientHeight / ROW_PX) + SPARE_ROWS;
    if (first !== sight.value.first || rows !== sight.value.rows) sight.value = { first, rows };
  };
  useLayoutEffect(() => {
    follow();
    window.addEventListener("resize", follow);
    return () => window.removeEventListener("resize", follow);
  }, []);
  const first = Math.max(0, Math.min(sight.value.first - SPARE_ROWS, count - sight.value.rows));
  const end = Math.min(count, sight.value.first + sight.value.rows + SPARE_ROWS);
  return { first, end, follow };
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
        else if (event.key === "Enter" && first !== undefined) chooseSymbol(first.symbol);
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

const QuoteRow = memo(function QuoteRow(props: Quote & { row: number; isChosen: boolean }) {
  const { symbol: name, last, changePercent, high, low, volume, row, isChosen } = props;
  return (
    <tr
      class={isChosen ? "chosen" : ""}
      tabIndex={isChosen ? 0 : -1}
      aria-selected={isChosen}
      aria-rowindex={row}
      data-symbol={name}
      onClick={() => chooseSymbol(name)}
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
  void revision.value;
  return <Spark values={closesOf(symbol)} direction={direction} />;
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
  const rows = watchList.value;
  const at = rows.findIndex((quote) => quote.symbol === symbol.value);
  const index = Math.min(rows.length - 1, Math.max(0, at + step));
  const next = rows[index];
  if (next === undefined) return;
  event.preventDefault();
  chooseSymbol(next.symbol);
  focusRow(event.currentTarget as HTMLElement, index, next.symbol);
}

/** Scrolls there first: rows out of sight are not there. */
function focusRow(table: HTMLElement, index: number, name: string): void {
  const scroller = table.parentElement;
  if (scroller === null) return;
  const top = index * ROW_PX;
  const height = scroller.clientHeight - ROW_PX;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  if (top + ROW_PX > scroller.scrollTop + height) scroller.scrollTop = top + ROW_PX - height;
  const focus = (): boolean => {
    const row = table.querySelector<HTMLElement>(`tr[data-symbol="${CSS.escape(name)}"]`);
    row?.focus();
    return row !== null;
  };
  if (focus()) return;
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      // Unless somebody went elsewhere meanwhile.
      const { activeElement } = document;
      if (activeElement === document.body || table.contains(activeElement)) focus();
    }),
  );
}
