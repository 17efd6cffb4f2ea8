/** Lines over TCP as a source: what was received is kept until it is committed. */

import { tcpInput } from "../collect/inputs/tcp.ts";
import { receivedSource } from "./received.ts";

export const tcpKind = receivedSource(tcpInput);
