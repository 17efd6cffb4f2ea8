/** What the address asks for, after its `#`: `page=sql`, `symbol=…&query=…`. None of it need exist. */

import { computed, signal } from "@preact/signals";

type Parameters = Readonly<Record<string, string | undefined>>;

export const addressed = signal<Parameters>(fromAddress());
window.addEventListener("hashchange", () => {
  addressed.value = fromAddress();
});

const PAGES = ["overview", "streaming", "sql"] as const;
export type Page = (typeof PAGES)[number];

export const page = computed<Page>(
  () => PAGES.find((name) => name === addressed.value["page"]) ?? "overview",
);

/** Where a link to the page leads; what was chosen on others stays. */
export function addressOf(name: Page): string {
  return hashOf({ ...addressed.value, page: name === "overview" ? undefined : name });
}

function hashOf(parameters: Parameters): string {
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return `#${new URLSearchParams(given)}`;
}

/** Changes some of it; what is undefined is left out. A choice is no step that the browser goes back. */
export function readdress(change: Parameters): void {
  addressed.value = { ...addressed.value, ...change };
  history.replaceState(null, "", hashOf(addressed.value));
}

function fromAddress(): Parameters {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}
