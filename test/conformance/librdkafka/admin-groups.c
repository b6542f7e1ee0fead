#include "client.h"

static rd_kafka_topic_partition_list_t *one(const char *topic, int64_t offset) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
  return list;
}

static void say_listed(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *group) {
  rd_kafka_ListConsumerGroups(client, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  size_t count;
  const rd_kafka_ConsumerGroupListing_t **groups =
      rd_kafka_ListConsumerGroups_result_valid(rd_kafka_event_ListConsumerGroups_result(event), &count);
  const char *state = "not listed";
  for (size_t i = 0; i < count; i++) {
    if (strcmp(rd_kafka_ConsumerGroupListing_group_id(groups[i]), group) != 0) continue;
    state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupListing_state(groups[i]));
  }
  printf("listed: %s\n", state);
  rd_kafka_event_destroy(event);
}

static void say_described(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *group) {
  rd_kafka_DescribeConsumerGroups(client, &group, 1, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  size_t count;
  const rd_kafka_ConsumerGroupDescription_t **groups =
      rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(event), &count);
  CHECK(count == 1, "%zu groups", count);
  GOOD((rd_kafka_error_t *)rd_kafka_ConsumerGroupDescription_error(groups[0]));
  const char *state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(groups[0]));
  const char *assignor = rd_kafka_ConsumerGroupDescription_partition_assignor(groups[0]);
  size_t members = rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
  printf("described: %s, %s, members %zu\n", state, assignor, members);
  rd_kafka_event_destroy(event);
}

static void say_offset(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, const char *group) {
  rd_kafka_topic_partition_list_t *list = one(topic, RD_KAFKA_OFFSET_INVALID);
  rd_kafka_ListConsumerGroupOffsets_t *asked = rd_kafka_ListConsumerGroupOffsets_new(group, list);
  rd_kafka_ListConsumerGroupOffsets(client, &asked, 1, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  size_t count;
  const rd_kafka_group_result_t **groups =
      rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
  const rd_kafka_topic_partition_list_t *told = rd_kafka_group_result_partitions(groups[0]);
  OK(told->elems[0].err);
  printf("offset %d\n", (int)told->elems[0].offset);
  rd_kafka_event_destroy(event);
  rd_kafka_ListConsumerGroupOffsets_destroy(asked);
  rd_kafka_topic_partition_list_destroy(list);
}

static void alter_offset(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, const char *group) {
  rd_kafka_topic_partition_list_t *list = one(topic, 1);
  rd_kafka_AlterConsumerGroupOffsets_t *asked = rd_kafka_AlterConsumerGroupOffsets_new(group, list);
  rd_kafka_AlterConsumerGroupOffsets(client, &asked, 1, NULL, queue);
  rd_kafka_event_destroy(answer(queue));
  rd_kafka_AlterConsumerGroupOffsets_destroy(asked);
  rd_kafka_topic_partition_list_destroy(list);
}

static void delete_offset(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, const char *group) {
  rd_kafka_topic_partition_list_t *list = one(topic, RD_KAFKA_OFFSET_INVALID);
  rd_kafka_DeleteConsumerGroupOffsets_t *asked = rd_kafka_DeleteConsumerGroupOffsets_new(group, list);
  rd_kafka_DeleteConsumerGroupOffsets(client, &asked, 1, NULL, queue);
  rd_kafka_event_destroy(answer(queue));
  rd_kafka_DeleteConsumerGroupOffsets_destroy(asked);
  rd_kafka_topic_partition_list_destroy(list);
}

static void delete_group(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *group) {
  rd_kafka_DeleteGroup_t *gone = rd_kafka_DeleteGroup_new(group);
  rd_kafka_DeleteGroups(client, &gone, 1, NULL, queue);
  rd_kafka_event_t *event = answer(queue);
  size_t count;
  const rd_kafka_group_result_t **groups =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
  const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
  printf("delete: %s\n", error == NULL ? "done" : rd_kafka_error_name(error));
  rd_kafka_event_destroy(event);
  rd_kafka_DeleteGroup_destroy(gone);
}

/* The topic has three records or more. */
void admin_groups(const char *brokers, const char *topic, const char *group) {
  const char *settings[] = {"group.id", group, "enable.auto.commit", "false", NULL};
  rd_kafka_t *consumer = make_consumer(brokers, settings, NULL);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
  OK(rd_kafka_subscribe(consumer, topics));
  for (int i = 0; i < 3; i++) {
    rd_kafka_message_t *message = next_message(consumer);
    OK(rd_kafka_commit_message(consumer, message, 0));
    rd_kafka_message_destroy(message);
  }
  const char *none[] = {NULL};
  rd_kafka_t *client = make_producer(brokers, none);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  say_listed(client, queue, group);
  say_described(client, queue, group);
  say_offset(client, queue, topic, group);
  delete_group(client, queue, group);
  OK(rd_kafka_consumer_close(consumer));
  rd_kafka_destroy(consumer);
  say_listed(client, queue, group);
  alter_offset(client, queue, topic, group);
  say_offset(client, queue, topic, group);
  delete_offset(client, queue, topic, group);
  say_offset(client, queue, topic, group);
  delete_group(client, queue, group);
  rd_kafka_topic_partition_list_destroy(topics);
  rd_kafka_queue_destroy(queue);
  finish(client);
}
