/** Syslog messages over TCP and UDP as a source: what was received is kept until it is committed. */

import { syslogInput } from "../collect/inputs/syslog.ts";
import { receivedSource } from "./received.ts";

export const syslogKind = receivedSource(syslogInput);
