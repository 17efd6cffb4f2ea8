/** The choices above the chart: indicators, the price axis, symbols to compare with. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import {
  chooseScale,
  compared,
  compareNoMore,
  compareWith,
  INDICATORS,
  type Indicator,
  indicators,
  MAX_COMPARED,
  type Scale,
  scale,
  toggleIndicator,
} from "./chart-choices.ts";
import { Segments } from "./segments.tsx";
import { symbol, symbols } from "./view.ts";

export function ChartTools() {
  return (
    <>
      <Compared />
      <IndicatorMenu />
      <ScaleChoice />
    </>
  );
}

function IndicatorMenu() {
  const chosen = indicators.value;
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event): void => {
      const isInside = event.target instanceof Node && menu.current?.contains(event.target) === true;
      const isEscape = event instanceof KeyboardEvent && event.key === "Escape";
      if (menu.current !== null && (isEscape || (event.type === "pointerdown" && !isInside)))
        menu.current.open = false;
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("keydown", close);
    };
  }, []);
  return (
    <details class="menu" ref={menu}>
      <summary>Indicators{chosen.length > 0 && <b class="num"> {chosen.length}</b>}</summary>
      <fieldset class="menu-list" aria-label="Indicators">
        {(Object.entries(INDICATORS) as [Indicator, string][]).map(([name, title]) => (
          <label key={name}>
            <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggleIndicator(name)} />
            {title}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

const SCALE_NAMES: readonly { readonly id: Scale; readonly text: string; readonly title: string }[] = [
  { id: "linear", text: "Lin", title: "Prices" },
  { id: "log", text: "Log", title: "Prices on a logarithmic axis" },
  { id: "percent", text: "%", title: "Change since the first candle in sight, in percent" },
];

function ScaleChoice() {
  const isFixed = compared.value.length > 0;
  return (
    <Segments
      label="Price axis"
      name="scale"
      segments={SCALE_NAMES.map((each) => ({
        ...each,
        title: isFixed ? "Symbols are compared in percent" : each.title,
      }))}
      chosen={scale.value}
      choose={chooseScale}
      isFixed={isFixed}
    />
  );
}

function Compared() {
  const typed = useSignal("");
  if (symbols.value.length < 2) return null;
  const add = (text: string): void => {
    typed.value = text;
    const name = symbols.value.find((each) => each.toLowerCase() === text.trim().toLowerCase());
    if (name === undefined || name === symbol.value || compared.value.includes(name)) return;
    compareWith(name);
    typed.value = "";
  };
  return (
    <div class="compared">
      {compared.value.map((name, index) => (
        <button
          key={name}
          type="button"
          class="chip"
          style={{ color: `var(--line-${index + 2})` }}
          aria-label={`Compare with ${name} no more`}
          title={`Compare with ${name} no more`}
          onClick={() => compareNoMore(name)}
        >
          {name} ×
        </button>
      ))}
      {compared.value.length < MAX_COMPARED && (
        <>
          <input
            class="filter compare"
            list="symbols"
            placeholder="Compare…"
            aria-label="Compare with a symbol"
            value={typed.value}
            onInput={(event) => add(event.currentTarget.value)}
          />
          <datalist id="symbols">
            {symbols.value.slice(0, 500).map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </>
      )}
    </div>
  );
}
