/** POSTs of lines, NDJSON and JSON arrays as a source: what was received is kept until it is committed. */

import { httpInput } from "../collect/inputs/http.ts";
import { receivedSource } from "./received.ts";

export const httpKind = receivedSource(httpInput);
