/** Those that rose and fell most, under the watch list where it is long enough to need them. */

import type { Quote } from "./candles.ts";
import { directionOf } from "./chart-card.tsx";
import { percentText } from "./format.ts";
import { chooseSymbol, movers, symbolCount } from "./view.ts";

const SHOWN = 4;
/** Fewer symbols are seen at a glance. */
const LEAST_SYMBOLS = 8;

export function Movers() {
  if (symbolCount.value < LEAST_SYMBOLS) return null;
  const { up, down } = movers.value;
  return (
    <div class="movers">
      <MoverList title="Gainers" quotes={up} />
      <MoverList title="Losers" quotes={down} />
    </div>
  );
}

function MoverList({ title, quotes }: { title: string; quotes: readonly Quote[] }) {
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      {quotes.slice(0, SHOWN).map(({ symbol, changePercent }) => (
        <button key={symbol} type="button" onClick={() => chooseSymbol(symbol)}>
          {symbol}
          <span class={`num ${directionOf(changePercent)}`}>{percentText(changePercent)}</span>
        </button>
      ))}
      {quotes.length === 0 && <p class="muted">None</p>}
    </section>
  );
}
