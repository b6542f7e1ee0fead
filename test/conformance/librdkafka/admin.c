#include "client.h"

static void topic_result(const char *what, const rd_kafka_topic_result_t **results, size_t count) {
  CHECK(count == 1, "%zu results", count);
  printf("%s: %s\n", what, rd_kafka_err2name(rd_kafka_topic_result_error(results[0])));
}

static void create(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, int partitions) {
  char why[512];
  rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic, partitions, 1, why, sizeof why);
  CHECK(made != NULL, "%s", why);
  OK(rd_kafka_NewTopic_set_config(made, "retention.ms", "-1")); /* records may be of any time */
  rd_kafka_CreateTopics(client, &made, 1, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  size_t count;
  const rd_kafka_topic_result_t **topics =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
  topic_result("create", topics, count);
  rd_kafka_event_destroy(event);
  rd_kafka_NewTopic_destroy(made);
}

static void add_partitions(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic) {
  char why[512];
  rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(topic, 5, why, sizeof why);
  CHECK(more != NULL, "%s", why);
  rd_kafka_CreatePartitions(client, &more, 1, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  const rd_kafka_CreatePartitions_result_t *result = rd_kafka_event_CreatePartitions_result(event);
  size_t count;
  const rd_kafka_topic_result_t **topics = rd_kafka_CreatePartitions_result_topics(result, &count);
  topic_result("partitions", topics, count);
  rd_kafka_event_destroy(event);
  rd_kafka_NewPartitions_destroy(more);
}

/* Says the value and the source of retention.ms. */
static void say_retention(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic) {
  rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  rd_kafka_DescribeConfigs(client, &resource, 1, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  size_t count;
  const rd_kafka_ConfigResource_t **told =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
  CHECK(count == 1, "%zu resources", count);
  OK(rd_kafka_ConfigResource_error(told[0]));
  size_t entries;
  const rd_kafka_ConfigEntry_t **configs = rd_kafka_ConfigResource_configs(told[0], &entries);
  for (size_t i = 0; i < entries; i++) {
    if (strcmp(rd_kafka_ConfigEntry_name(configs[i]), "retention.ms") != 0) continue;
    const char *source = rd_kafka_ConfigSource_name(rd_kafka_ConfigEntry_source(configs[i]));
    printf("retention.ms: %s, %s\n", rd_kafka_ConfigEntry_value(configs[i]), source);
  }
  rd_kafka_event_destroy(event);
  rd_kafka_ConfigResource_destroy(resource);
}

static void alter_retention(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic) {
  rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  OK(rd_kafka_ConfigResource_set_config(resource, "retention.ms", "7200000"));
  rd_kafka_AlterConfigs(client, &resource, 1, NULL, queue);
  rd_kafka_event_destroy(answer(queue));
  rd_kafka_ConfigResource_destroy(resource);
}

static void delete_records(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic) {
  rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(before, topic, 0)->offset = 2;
  rd_kafka_DeleteRecords_t *deletion = rd_kafka_DeleteRecords_new(before);
  rd_kafka_DeleteRecords(client, &deletion, 1, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  const rd_kafka_topic_partition_list_t *left =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
  OK(left->elems[0].err);
  printf("records begin at %d\n", (int)left->elems[0].offset);
  rd_kafka_event_destroy(event);
  rd_kafka_DeleteRecords_destroy(deletion);
  rd_kafka_topic_partition_list_destroy(before);
}

static void delete_topic(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic) {
  rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);
  rd_kafka_DeleteTopics(client, &gone, 1, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  size_t count;
  const rd_kafka_topic_result_t **topics =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
  topic_result("delete", topics, count);
  rd_kafka_event_destroy(event);
  rd_kafka_DeleteTopic_destroy(gone);
}

/* Apache Kafka's brokers hear of a topic a moment after it was made. */
static void await_topic(rd_kafka_t *client, const char *topic) {
  rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
  for (int known = 0; !known;) {
    const struct rd_kafka_metadata *metadata;
    OK(rd_kafka_metadata(client, 0, handle, &metadata, WAIT_MS));
    known = metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_metadata_destroy(metadata);
  }
  rd_kafka_topic_destroy(handle);
}

void make_topic(const char *brokers, const char *topic, int partitions) {
  const char *settings[] = {"allow.auto.create.topics", "false", NULL};
  rd_kafka_t *client = make_producer(brokers, settings);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  create(client, queue, topic, partitions);
  await_topic(client, topic);
  rd_kafka_queue_destroy(queue);
  finish(client);
}

void admin_topics(const char *brokers, const char *topic) {
  const char *none[] = {NULL};
  rd_kafka_t *client = make_producer(brokers, none);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  create(client, queue, topic, 2);
  await_topic(client, topic);
  create(client, queue, topic, 2);
  add_partitions(client, queue, topic);
  say_retention(client, queue, topic);
  alter_retention(client, queue, topic);
  say_retention(client, queue, topic);
  for (int i = 0; i < 3; i++) produce(client, topic, 0, "v", 0);
  OK(rd_kafka_flush(client, WAIT_MS));
  delete_records(client, queue, topic);
  delete_topic(client, queue, topic);
  delete_topic(client, queue, topic);
  rd_kafka_queue_destroy(queue);
  finish(client);
}
