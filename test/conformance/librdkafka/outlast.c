#include "client.h"
#include <signal.h>

/* Scenarios that run until they are told to end (SIGTERM), whatever becomes of the broker meanwhile. */
static volatile sig_atomic_t over;

static void told(int signal) {
  (void)signal;
  over = 1;
}

static void begin(void) {
  signal(SIGTERM, told);
  setvbuf(stdout, NULL, _IOLBF, 0);
}

static void say(const rd_kafka_message_t *message) {
  printf("%d %d %.*s\n", (int)message->partition, (int)message->offset, (int)message->len,
         (const char *)message->payload);
}

static void acknowledged(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
  (void)producer, (void)opaque;
  CHECK(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "not delivered: %s", rd_kafka_err2str(message->err));
  say(message);
}

/* Numbers, to the partitions in turn, about a thousand a second; each is said when it is acknowledged. */
void write_on(const char *brokers, const char *topic, int partitions) {
  const char *settings[] = {"enable.idempotence",  "true", "linger.ms", "2", "reconnect.backoff.max.ms", "200",
                            "batch.num.messages", "20",   NULL};
  begin();
  rd_kafka_t *producer = make_telling_producer(brokers, settings, acknowledged);
  for (int i = 0; !over; i++) {
    char value[16];
    snprintf(value, sizeof value, "%d", i);
    produce(producer, topic, i % partitions, value, 0);
    rd_kafka_poll(producer, 1);
  }
  finish(producer);
}

/* Says how many partitions are its own now. */
static void rebalanced(rd_kafka_t *client, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque) {
  (void)opaque;
  int given = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  OK(rd_kafka_assign(client, given ? list : NULL));
  printf("holds %d\n", given ? list->cnt : 0);
}

/* A member of a group that says what it holds and what it is given. */
void follow(const char *brokers, const char *topic, const char *group) {
  /* A session as long as Kafka's own: however long the broker is away, no partition moves. One that does is told by two. */
  const char *settings[] = {"group.id", group, "auto.commit.interval.ms", "50", "reconnect.backoff.max.ms", "200",
                            "session.timeout.ms", "45000", NULL};
  begin();
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
  rd_kafka_t *consumer = make_consumer(brokers, settings, conf);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
  OK(rd_kafka_subscribe(consumer, topics));
  rd_kafka_topic_partition_list_destroy(topics);
  while (!over) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 50);
    if (message == NULL) continue;
    /* That the broker is away is told as well, and passes. */
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) say(message);
    rd_kafka_message_destroy(message);
  }
  OK(rd_kafka_consumer_close(consumer));
  rd_kafka_destroy(consumer);
}
