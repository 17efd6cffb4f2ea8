// How fast librdkafka itself consumes: BROKERS TOPIC PARTITIONS RECORDS. Its own rdkafka_performance is not
// among the sources in Kafka's npm package; this is the same loop. Prints milliseconds since the first
// record.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rdkafka.h"

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

int main(int count, char** arguments) {
  char error[512];
  if (count != 5) return 2;
  long wanted = atol(arguments[4]), records = 0, bytes = 0;
  rd_kafka_conf_t* config = rd_kafka_conf_new();
  rd_kafka_conf_set(config, "bootstrap.servers", arguments[1], error, sizeof error);
  rd_kafka_conf_set(config, "group.id", "raw", error, sizeof error);
  rd_kafka_conf_set(config, "enable.auto.commit", "false", error, sizeof error);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_CONSUMER, config, error, sizeof error);
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_partition_list_t* partitions = rd_kafka_topic_partition_list_new(4);
  for (int i = 0; i < atoi(arguments[3]); i++) {
    rd_kafka_topic_partition_list_add(partitions, arguments[2], i)->offset = 0;
  }
  double start = 0;
  rd_kafka_assign(client, partitions);
  while (records < wanted) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client, 1000);
    if (message == NULL) continue;
    if (message->err == 0) {
      if (records == 0) start = now_ms();
      records++;
      bytes += (long)message->len;
    }
    rd_kafka_message_destroy(message);
  }
  printf("%.1f %ld\n", now_ms() - start, bytes);
  return 0;
}
