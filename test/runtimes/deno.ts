/** The Deno that tests run. */

import { join } from "node:path";

/** Not .bin/deno: in a fresh checkout that is a script, which passes no signal on to what it starts. */
export const DENO = join(import.meta.dirname, "../../node_modules/deno/deno");
