/** Flume's KafkaSink as an output. */

import type { Component } from "./component.ts";

const TUNING = "is not needed here: batches follow the load";

/** Settings of Java's producer that librdkafka knows by the same name, or by another one. */
const SETTINGS: Readonly<Record<string, string>> = {
  acks: "acks",
  "linger.ms": "linger.ms",
  "compression.type": "compression.type",
  "client.id": "client.id",
  retries: "retries",
  "retry.backoff.ms": "retry.backoff.ms",
  "request.timeout.ms": "request.timeout.ms",
  "delivery.timeout.ms": "delivery.timeout.ms",
  "batch.size": "batch.size",
  "max.request.size": "message.max.bytes",
  "metadata.max.age.ms": "metadata.max.age.ms",
  "security.protocol": "security.protocol",
  "sasl.mechanism": "sasl.mechanism",
  "sasl.kerberos.service.name": "sasl.kerberos.service.name",
};

export function kafkaSink(component: Component): Readonly<Record<string, unknown>> {
  component.skip(TUNING, ["flumeBatchSize", "kafka.flumeBatchSize", "batchSize"]);
  for (const name of ["defaultPartitionId", "partitionIdHeader"])
    if (component.text(name) !== undefined)
      component.refuse(name, "has no equivalent: a message's header `key` decides its partition");
  if (component.flag("useFlumeEventFormat") === true)
    component.refuse("useFlumeEventFormat", "has no equivalent: an event's bytes are the message");
  const brokers = component.text("kafka.bootstrap.servers") ?? component.text("brokerList");
  const topic = component.text("kafka.topic") ?? component.text("topic") ?? "default-flume-topic";
  if (brokers === undefined) component.needed("kafka.bootstrap.servers", "127.0.0.1:9092");
  if (topic.includes("%{"))
    component.refuse(
      "kafka.topic",
      "escapes in a topic have no equivalent: let an interceptor set the header topic",
    );
  const allowsOverride = component.flag("allowTopicOverride") ?? true;
  const topicHeader = component.text("topicHeader") ?? "topic";
  const acks = component.text("requiredAcks");
  return {
    kafka: {
      brokers: brokers ?? "",
      topic,
      topic_header: allowsOverride ? topicHeader : "",
      config: { ...(acks !== undefined && { acks: Number(acks) }), ...producerSettings(component) },
    },
  };
}

function producerSettings(component: Component): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const { name, value } of component.below("kafka.producer")) {
    const key = `kafka.producer.${name}`;
    const ours = SETTINGS[name];
    const login = name === "sasl.jaas.config" ? jaasLogin(value) : undefined;
    if (ours !== undefined) settings[ours] = value;
    else if (login !== undefined) Object.assign(settings, login);
    else if (name === "key.serializer" || name === "value.serializer" || name === "buffer.memory")
      component.note(key, "is not needed here");
    else if (name.startsWith("ssl."))
      component.refuse(
        key,
        "Java's key stores have no equivalent: export PEM files, and name them in --kafka-options under tls",
      );
    else component.refuse(key, "this setting of Java's producer has no equivalent that is known");
  }
  return settings;
}

/** `…PlainLoginModule required username="u" password="p";` */
function jaasLogin(value: string): Readonly<Record<string, string>> | undefined {
  const found = /username="([^"]*)"\s+password="([^"]*)"/.exec(value);
  return found === null ? undefined : { "sasl.username": found[1] ?? "", "sasl.password": found[2] ?? "" };
}
