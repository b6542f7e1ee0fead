#include "client.h"

static rd_kafka_t *transactional(const char *brokers, const char *id) {
  const char *settings[] = {"transactional.id", id, "linger.ms", "1", NULL};
  rd_kafka_t *producer = make_producer(brokers, settings);
  GOOD(rd_kafka_init_transactions(producer, WAIT_MS));
  return producer;
}

/* One record of the input becomes one of the output, with the position behind it, or neither does. */
static void step(rd_kafka_t *producer, rd_kafka_t *consumer, const char *output, int commit) {
  rd_kafka_message_t *message = next_message(consumer);
  GOOD(rd_kafka_begin_transaction(producer));
  char value[64];
  snprintf(value, sizeof value, "%.*s!", (int)message->len, (const char *)message->payload);
  produce(producer, output, 0, value, 0);
  rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(offsets, rd_kafka_topic_name(message->rkt), 0)->offset = message->offset + 1;
  rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer);
  GOOD(rd_kafka_send_offsets_to_transaction(producer, offsets, group, WAIT_MS));
  rd_kafka_consumer_group_metadata_destroy(group);
  rd_kafka_topic_partition_list_destroy(offsets);
  rd_kafka_message_destroy(message);
  /* What an abort finds in the queue is purged: the record shall have been sent, to be aborted. */
  OK(rd_kafka_flush(producer, WAIT_MS));
  if (commit) GOOD(rd_kafka_commit_transaction(producer, WAIT_MS));
  else GOOD(rd_kafka_abort_transaction(producer, WAIT_MS));
}

void transactions(const char *brokers, const char *input, const char *output, const char *group, const char *id) {
  const char *settings[] = {"group.id", group, "enable.auto.commit", "false", "isolation.level", "read_committed", NULL};
  rd_kafka_t *consumer = make_consumer(brokers, settings, NULL);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, input, RD_KAFKA_PARTITION_UA);
  OK(rd_kafka_subscribe(consumer, topics));
  rd_kafka_t *producer = transactional(brokers, id);
  step(producer, consumer, output, 1);
  step(producer, consumer, output, 0);
  printf("committed %d\n", (int)committed_offset(consumer, input));
  step(producer, consumer, output, 1);
  printf("committed %d\n", (int)committed_offset(consumer, input));
  rd_kafka_topic_partition_list_destroy(topics);
  OK(rd_kafka_consumer_close(consumer));
  rd_kafka_destroy(consumer);
  finish(producer);
  say_records(brokers, output, 2, "read_committed");
  say_records(brokers, output, 3, "read_uncommitted");
}

void fencing(const char *brokers, const char *topic, const char *id) {
  rd_kafka_t *old = transactional(brokers, id);
  GOOD(rd_kafka_begin_transaction(old));
  produce(old, topic, 0, "old", 0);
  OK(rd_kafka_flush(old, WAIT_MS));
  rd_kafka_t *young = transactional(brokers, id);
  GOOD(rd_kafka_begin_transaction(young));
  produce(young, topic, 0, "young", 0);
  GOOD(rd_kafka_commit_transaction(young, WAIT_MS));
  rd_kafka_error_t *error = rd_kafka_commit_transaction(old, WAIT_MS);
  CHECK(error != NULL, "a fenced producer has committed");
  printf("%s%s\n", rd_kafka_error_name(error), rd_kafka_error_is_fatal(error) ? ", fatal" : "");
  rd_kafka_error_destroy(error);
  rd_kafka_destroy(old);
  finish(young);
  say_records(brokers, topic, 1, "read_committed");
}
