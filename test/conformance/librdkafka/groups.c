#include "client.h"

#define PARTITIONS 6

typedef struct {
  rd_kafka_t *client;
  int held[PARTITIONS];
  int count;
  int lost; /* partitions that were taken from it, over its life */
} member_t;

static void note(member_t *member, const rd_kafka_topic_partition_list_t *list, int held) {
  for (int i = 0; i < list->cnt; i++) {
    int partition = list->elems[i].partition;
    CHECK(member->held[partition] != held, "partition %d is %s twice", partition, held ? "given" : "taken");
    member->held[partition] = held;
    member->count += held ? 1 : -1;
    if (!held) member->lost++;
  }
}

static void rebalanced(rd_kafka_t *client, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque) {
  member_t *member = opaque;
  int cooperative = strcmp(rd_kafka_rebalance_protocol(client), "COOPERATIVE") == 0;
  int given = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  note(member, list, given);
  if (cooperative && given) GOOD(rd_kafka_incremental_assign(client, list));
  else if (cooperative) GOOD(rd_kafka_incremental_unassign(client, list));
  else OK(rd_kafka_assign(client, given ? list : NULL));
}

static void join(member_t *member, const char *brokers, const char *topic, const char *const *settings) {
  memset(member, 0, sizeof *member);
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
  rd_kafka_conf_set_opaque(conf, member);
  member->client = make_consumer(brokers, settings, conf);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
  OK(rd_kafka_subscribe(member->client, topics));
  rd_kafka_topic_partition_list_destroy(topics);
}

/* Polls all until each holds so many, and all together every partition once. */
static void settle(member_t *members, int count, int each) {
  for (;;) {
    int settled = 1;
    int held[PARTITIONS] = {0};
    for (int i = 0; i < count; i++) {
      rd_kafka_message_t *message = rd_kafka_consumer_poll(members[i].client, 20);
      if (message != NULL) rd_kafka_message_destroy(message);
    }
    for (int i = 0; i < count; i++) {
      settled = settled && members[i].count == each;
      for (int p = 0; p < PARTITIONS; p++) held[p] += members[i].held[p];
    }
    for (int p = 0; p < PARTITIONS; p++) settled = settled && held[p] == 1;
    if (settled) return;
  }
}

static void leave(member_t *member) {
  OK(rd_kafka_consumer_close(member->client));
  rd_kafka_destroy(member->client);
}

void cooperative(const char *brokers, const char *topic, const char *group) {
  const char *settings[] = {"group.id", group, "partition.assignment.strategy", "cooperative-sticky", NULL};
  member_t members[3];
  for (int i = 0; i < 3; i++) {
    join(&members[i], brokers, topic, settings);
    settle(members, i + 1, PARTITIONS / (i + 1));
  }
  printf("%s\n", rd_kafka_rebalance_protocol(members[0].client));
  printf("three members of 2; taken away: %d %d %d\n", members[0].lost, members[1].lost, members[2].lost);
  leave(&members[2]);
  settle(members, 2, 3);
  printf("two members of 3; taken away: %d %d\n", members[0].lost, members[1].lost);
  leave(&members[1]);
  leave(&members[0]);
}

void static_members(const char *brokers, const char *topic, const char *group) {
  const char *one[] = {"group.id", group, "group.instance.id", "one", NULL};
  const char *two[] = {"group.id", group, "group.instance.id", "two", NULL};
  member_t members[2], again;
  join(&members[0], brokers, topic, one);
  settle(members, 1, PARTITIONS);
  join(&members[1], brokers, topic, two);
  settle(members, 2, PARTITIONS / 2);
  int lost = members[0].lost;
  int held[PARTITIONS];
  memcpy(held, members[1].held, sizeof held);
  leave(&members[1]); /* a static member says no goodbye */
  join(&members[1], brokers, topic, two);
  settle(members, 2, PARTITIONS / 2);
  printf("back with what it had: %s\n", memcmp(held, members[1].held, sizeof held) == 0 ? "yes" : "no");
  printf("taken from the other: %d\n", members[0].lost - lost);
  join(&again, brokers, topic, two);
  char why[512];
  while (rd_kafka_fatal_error(members[1].client, why, sizeof why) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    for (int i = 0; i < 3; i++) {
      rd_kafka_message_t *message = rd_kafka_consumer_poll(i == 2 ? again.client : members[i].client, 20);
      if (message != NULL) rd_kafka_message_destroy(message);
    }
  }
  printf("%s\n", rd_kafka_err2name(rd_kafka_fatal_error(members[1].client, why, sizeof why)));
  rd_kafka_consumer_close(members[1].client);
  rd_kafka_destroy(members[1].client);
  leave(&again);
  leave(&members[0]);
}
