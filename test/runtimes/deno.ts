/** The Deno that tests run. */

import { join } from "node:path";

/** Not .bin/deno: in a fresh checkout that is a script which passes no signal on, and what it started lives on. */
export const DENO = join(import.meta.dirname, "../../node_modules/deno/deno");
