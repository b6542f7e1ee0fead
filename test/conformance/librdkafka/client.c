#include "client.h"
#include <unistd.h>

void check_code(rd_kafka_resp_err_t code, const char *file, int line) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  fprintf(stderr, "%s:%d: %s\n", file, line, rd_kafka_err2str(code));
  exit(1);
}

void check_error(rd_kafka_error_t *error, const char *file, int line) {
  if (error == NULL) return;
  fprintf(stderr, "%s:%d: %s: %s\n", file, line, rd_kafka_error_name(error), rd_kafka_error_string(error));
  exit(1);
}

static void configure(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char why[512];
  CHECK(rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK, "%s", why);
}

static rd_kafka_t *make(rd_kafka_type_t type, const char *brokers, const char *const *settings, rd_kafka_conf_t *conf) {
  char why[512];
  configure(conf, "bootstrap.servers", brokers);
  for (; *settings != NULL; settings += 2) configure(conf, settings[0], settings[1]);
  rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
  CHECK(client != NULL, "%s", why);
  return client;
}

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
  (void)producer, (void)opaque;
  /* What a fenced producer still held is lost, and has been told. */
  if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) return;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) fprintf(stderr, "not delivered: %s\n", rd_kafka_err2str(message->err));
}

rd_kafka_t *make_telling_producer(const char *brokers, const char *const *settings, delivered_t *tell) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set_dr_msg_cb(conf, tell);
  return make(RD_KAFKA_PRODUCER, brokers, settings, conf);
}

rd_kafka_t *make_producer(const char *brokers, const char *const *settings) {
  return make_telling_producer(brokers, settings, delivered);
}

rd_kafka_t *make_consumer(const char *brokers, const char *const *settings, rd_kafka_conf_t *conf) {
  if (conf == NULL) conf = rd_kafka_conf_new();
  configure(conf, "auto.offset.reset", "earliest");
  configure(conf, "session.timeout.ms", "10000");
  configure(conf, "heartbeat.interval.ms", "200");
  configure(conf, "fetch.wait.max.ms", "100");
  rd_kafka_t *consumer = make(RD_KAFKA_CONSUMER, brokers, settings, conf);
  OK(rd_kafka_poll_set_consumer(consumer));
  return consumer;
}

void produce(rd_kafka_t *producer, const char *topic, int partition, const char *value, int64_t timestamp) {
  OK(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE((void *)value, strlen(value)),
                       RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_END));
  rd_kafka_poll(producer, 0);
}

void finish(rd_kafka_t *producer) {
  OK(rd_kafka_flush(producer, WAIT_MS));
  rd_kafka_destroy(producer);
}

rd_kafka_message_t *next_message(rd_kafka_t *consumer) {
  for (;;) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
    if (message == NULL) continue;
    CHECK(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_message_errstr(message));
    return message;
  }
}

void say_records(const char *brokers, const char *topic, int count, const char *isolation) {
  const char *settings[] = {"group.id", "nobody", "isolation.level", isolation, NULL};
  rd_kafka_t *consumer = make_consumer(brokers, settings, NULL);
  rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(all, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  OK(rd_kafka_assign(consumer, all));
  for (int i = 0; i < count; i++) {
    rd_kafka_message_t *message = next_message(consumer);
    printf("%d %.*s\n", (int)message->offset, (int)message->len, (const char *)message->payload);
    rd_kafka_message_destroy(message);
  }
  rd_kafka_topic_partition_list_destroy(all);
  OK(rd_kafka_consumer_close(consumer));
  rd_kafka_destroy(consumer);
}

rd_kafka_event_t *answer(rd_kafka_queue_t *queue) {
  rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
  CHECK(event != NULL, "no answer");
  OK(rd_kafka_event_error(event));
  return event;
}

int64_t committed_offset(rd_kafka_t *consumer, const char *topic) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic, 0);
  OK(rd_kafka_committed(consumer, list, WAIT_MS));
  int64_t offset = list->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(list);
  return offset;
}

int main(int count, char **args) {
  alarm(55); /* a scenario that hangs is ended, and so has failed */
  CHECK(count >= 4, "usage: client <scenario> <brokers> <topic> ...");
  const char *what = args[1], *brokers = args[2], *topic = args[3];
  if (strcmp(what, "idempotent") == 0) idempotent(brokers, topic);
  else if (strcmp(what, "times") == 0) times(brokers, topic);
  else if (strcmp(what, "admin-topics") == 0) admin_topics(brokers, topic);
  else if (strcmp(what, "write") == 0 && count == 5) write_on(brokers, topic, atoi(args[4]));
  else if (strcmp(what, "follow") == 0 && count == 5) follow(brokers, topic, args[4]);
  else if (strcmp(what, "make") == 0 && count == 5) make_topic(brokers, topic, atoi(args[4]));
  else if (strcmp(what, "fencing") == 0 && count == 5) fencing(brokers, topic, args[4]);
  else if (strcmp(what, "cooperative") == 0 && count == 5) cooperative(brokers, topic, args[4]);
  else if (strcmp(what, "static") == 0 && count == 5) static_members(brokers, topic, args[4]);
  else if (strcmp(what, "admin-groups") == 0 && count == 5) admin_groups(brokers, topic, args[4]);
  else if (strcmp(what, "transactions") == 0 && count == 7) transactions(brokers, topic, args[4], args[5], args[6]);
  else CHECK(0, "no such scenario: %s", what);
  return 0;
}
