/** What the address asks for, after its `#`: `symbol=…&query=…`. None of it need exist. */

import { signal } from "@preact/signals";

type Parameters = Readonly<Record<string, string | undefined>>;

export const addressed = signal<Parameters>(fromAddress());
window.addEventListener("hashchange", () => {
  addressed.value = fromAddress();
});

/** Changes some of it; what is undefined is left out. A choice is no step that the browser goes back. */
export function readdress(change: Parameters): void {
  const next = { ...addressed.value, ...change };
  const given = Object.entries(next).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const hash = `#${new URLSearchParams(given)}`;
  history.replaceState(null, "", hash);
  addressed.value = next;
}

function fromAddress(): Parameters {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}
