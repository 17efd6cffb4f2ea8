/** What `tail --help` says of channels, interceptors, routes and pipelines: the lists come from the rooms. */

import { inputKinds } from "../collect/inputs/list.ts";
import { interceptorKinds } from "../collect/interceptors/list.ts";
import { outputKinds } from "../collect/outputs/list.ts";

const row = ({ name, summary }: { readonly name: string; readonly summary: string }): string =>
  `  ${name.padEnd(16)}${summary}`;

export const PIPELINE_HELP = `
Slow or unavailable receivers: with --channel DIR, events are buffered on disk, up to --channel-size, also
across restarts; when the channel is full, reading pauses. Each --out gets every event at least once, and a
file: exactly once, as it is cut back to what was delivered. Without --channel, up to 64 MiB are buffered in
memory, and positions are saved once the receivers have the events. A failing --out is retried until it
succeeds; nothing is dropped. --once reads what is there, delivers what is in the channels, and ends.

Outputs (--out, and "to:" in a pipeline):
${outputKinds.map(row).join("\n")}
Interceptors (--interceptor NAME or "NAME: {OPTION: VALUE}"; they run in their order):
${interceptorKinds.map(row).join("\n")}
Inputs of a pipeline ("from:"):
${inputKinds.map(row).join("\n")}

A pipeline file can express all of this and more: several inputs, and channels chosen by a header's value.
--print-pipeline shows the pipeline that flags or a Flume configuration amount to:
    sources:
      app:
        from: "tail:/var/log/app/*.log"
        interceptors:
          - timestamp
          - regex-extract: { pattern: "^(?<level>[A-Z]+)" }
          - filter: { exclude: ^DEBUG }
        channels: { by: level, values: { ERROR: [errors, all] }, otherwise: all }
      posts: { from: "http://127.0.0.1:8081/logs", channels: all }
    channels: { all: { folder: channel/all, max_bytes: 10GiB }, errors: {} }
    sinks:
      - { from: all, to: { roll: { to: "webhdfs://namenode:9870/logs", path: "%Y-%m-%d", roll_every: 10m } } }
      - { from: errors, failover: ["kafka://127.0.0.1:9092/errors", "file:errors.log"] }

More examples:
  Over TCP, and on disk as long as nobody listens there:
    streamkit tail "/var/log/*.log" --channel ./channel --out tcp://127.0.0.1:9000
  To the first of two brokers that answers, without debug lines and with passwords masked:
    streamkit tail app.log --route failover --out kafka://a:9092/logs --out kafka://b:9092/logs \\
      --interceptor "filter: {exclude: DEBUG}" \\
      --interceptor "search-replace: {pattern: 'password=\\S+', replacement: 'password=***'}"
  What a Flume agent did:
    streamkit tail --flume-conf /etc/flume/flume.conf --flume-agent a1`;
