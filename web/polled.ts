/** Answers of the API that a page looks at again and again while it is open. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { readExactJson } from "../src/base/exact-json.ts";

const PERIOD_MS = 2000;

/** The newest answer; undefined before the first one. An answer that fails leaves the one of before. */
export function usePolled<T>(path: string): Signal<T | undefined> {
  const answer = useSignal<T | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    const ask = async (): Promise<void> => {
      if (document.hidden) return;
      const response = await fetch(path, { signal: stop.signal }).catch(() => undefined);
      if (response?.ok !== true) return;
      answer.value = readExactJson(await response.text()) as T;
    };
    void ask();
    const timer = window.setInterval(() => void ask(), PERIOD_MS);
    return () => {
      stop.abort();
      window.clearInterval(timer);
    };
  }, [path]);
  return answer;
}
