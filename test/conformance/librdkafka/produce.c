#include "client.h"

void idempotent(const char *brokers, const char *topic) {
  const char *settings[] = {"enable.idempotence", "true", "linger.ms", "1", "batch.num.messages", "7", NULL};
  rd_kafka_t *producer = make_producer(brokers, settings);
  for (int i = 0; i < 200; i++) {
    char value[16];
    snprintf(value, sizeof value, "%d", i);
    produce(producer, topic, 0, value, 0);
  }
  finish(producer);
  say_records(brokers, topic, 200, "read_committed");
}

void times(const char *brokers, const char *topic) {
  const char *none[] = {NULL};
  rd_kafka_t *producer = make_producer(brokers, none);
  const char *stamps[] = {"1000", "2000", "3000"};
  for (int i = 0; i < 3; i++) produce(producer, topic, 0, stamps[i], atoll(stamps[i]));
  OK(rd_kafka_flush(producer, WAIT_MS));
  int64_t low, high;
  OK(rd_kafka_query_watermark_offsets(producer, topic, 0, &low, &high, WAIT_MS));
  printf("from %d to %d\n", (int)low, (int)high);
  const int64_t asked[] = {0, 1500, 3000, 9999};
  for (int i = 0; i < 4; i++) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = asked[i];
    OK(rd_kafka_offsets_for_times(producer, list, WAIT_MS));
    OK(list->elems[0].err);
    printf("at %d: %d\n", (int)asked[i], (int)list->elems[0].offset);
    rd_kafka_topic_partition_list_destroy(list);
  }
  finish(producer);
}
