/** Kafka sources whose partitions several processes share, by a consumer group. */

import { StreamkitError } from "../base/error.ts";
import { openMembership } from "../kafka/membership.ts";
import { type KafkaSourceOptions, selectionOf } from "./kafka-options.ts";
import type { Membership, Sharing, SharingRequest } from "./source.ts";

export function kafkaSharing({ share }: KafkaSourceOptions): Sharing | undefined {
  return share === undefined
    ? undefined
    : { by: typeof share === "string" ? [share] : share, open: openSharing };
}

/** Throws code `job` where the sources can't be shared together. */
async function openSharing(request: SharingRequest): Promise<Membership> {
  const all = request.options as readonly KafkaSourceOptions[];
  const [first] = all;
  if (first === undefined) throw new StreamkitError("bug", "Nothing is shared");
  const refuse = (message: string): StreamkitError =>
    new StreamkitError("job", message, { component: "kafka" });
  if (all.some(({ brokers }) => brokers !== first.brokers))
    throw refuse("sources that are shared must be of the same brokers");
  if (all.some(({ group }) => group !== first.group))
    throw refuse("sources that are shared must have the same group");
  const topics = all.flatMap((options) => {
    const selection = selectionOf(options);
    if ("topics" in selection) return selection.topics;
    throw refuse("a source that is shared must name its topics: a pattern may find more at any time");
  });
  return openMembership({
    reach: { connection: first, baseFolder: request.baseFolder, clock: request.clock },
    group: first.group ?? request.job,
    topics: [...new Set(topics)],
    assigned: request.assigned,
    revoked: request.revoked,
  });
}
