/** Small drawings: a curve without axes, and bars of batches. */

const WIDTH = 100;
const HEIGHT = 24;

export function Spark({
  values,
  direction,
}: {
  values: readonly number[];
  direction: "up" | "down" | "flat";
}) {
  return (
    <svg
      class={`spark ${direction}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {values.length > 1 && <polyline points={points(values)} />}
    </svg>
  );
}

/** Scaled between the least and the greatest value. */
function points(values: readonly number[]): string {
  const least = Math.min(...values);
  const range = Math.max(...values) - least || 1;
  return values
    .map((value, index) => {
      const x = (index / (values.length - 1)) * WIDTH;
      const y = HEIGHT - 2 - ((value - least) / range) * (HEIGHT - 4);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

export interface Bar {
  readonly title: string;
  readonly value: number;
  /** Drawn on top of `value`, in another colour. */
  readonly extra?: number;
}

/** One bar a batch, the newest on the right; `slots` bars fill the width. */
export function Bars({ bars, slots, label }: { bars: readonly Bar[]; slots: number; label: string }) {
  const shown = bars.slice(-slots);
  const highest = Math.max(1e-9, ...shown.map((bar) => bar.value + (bar.extra ?? 0)));
  const scale = (value: number) => (value / highest) * 40;
  return (
    <svg class="bars" viewBox={`0 0 ${slots} 40`} preserveAspectRatio="none" role="img" aria-label={label}>
      {shown.map((bar, index) => {
        const x = slots - shown.length + index + 0.15;
        const height = scale(bar.value);
        const extra = scale(bar.extra ?? 0);
        return (
          <g key={index}>
            <title>{bar.title}</title>
            <rect class="bar" x={x} y={40 - height} width={0.7} height={height} />
            {extra > 0 && <rect class="bar-extra" x={x} y={40 - height - extra} width={0.7} height={extra} />}
          </g>
        );
      })}
    </svg>
  );
}
