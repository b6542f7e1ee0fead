/* What the scenarios of a client compiled against librdkafka share. A scenario ends the process when a check fails. */
#ifndef CLIENT_H
#define CLIENT_H
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fprintf(stderr, "\n");                                                                                           \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

/* Of a call that answers an error code, and of one that answers an error object. */
#define OK(code) check_code((code), __FILE__, __LINE__)
#define GOOD(error) check_error((error), __FILE__, __LINE__)

#define WAIT_MS 45000

void check_code(rd_kafka_resp_err_t code, const char *file, int line);
void check_error(rd_kafka_error_t *error, const char *file, int line);

/* `settings` are pairs of name and value, ended by NULL. The configuration is the client's from then on. */
rd_kafka_t *make_producer(const char *brokers, const char *const *settings);
rd_kafka_t *make_consumer(const char *brokers, const char *const *settings, rd_kafka_conf_t *conf);

/* Told of each record what became of it. */
typedef void delivered_t(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque);
rd_kafka_t *make_telling_producer(const char *brokers, const char *const *settings, delivered_t *tell);

/* Gives a record to the producer; the partition may be RD_KAFKA_PARTITION_UA. */
void produce(rd_kafka_t *producer, const char *topic, int partition, const char *value, int64_t timestamp);

/* Sends what was given, and destroys the producer. */
void finish(rd_kafka_t *producer);

/* The next record; waits until there is one. To be destroyed by the caller. */
rd_kafka_message_t *next_message(rd_kafka_t *consumer);

/* Reads `count` records of partition 0 from its beginning and says `<offset> <value>` of each. */
void say_records(const char *brokers, const char *topic, int count, const char *isolation);

/* The answer to what was asked as an administrator, without an error. To be destroyed by the caller. */
rd_kafka_event_t *answer(rd_kafka_queue_t *queue);

/* The committed offset of partition 0. */
int64_t committed_offset(rd_kafka_t *consumer, const char *topic);

/* The scenarios: what they have seen they say on their output, a line each. */
void idempotent(const char *brokers, const char *topic);
void transactions(const char *brokers, const char *input, const char *output, const char *group, const char *id);
void fencing(const char *brokers, const char *topic, const char *id);
void cooperative(const char *brokers, const char *topic, const char *group);
void static_members(const char *brokers, const char *topic, const char *group);
void write_on(const char *brokers, const char *topic, int partitions);
void follow(const char *brokers, const char *topic, const char *group);
void times(const char *brokers, const char *topic);
void make_topic(const char *brokers, const char *topic, int partitions);
void admin_topics(const char *brokers, const char *topic);
void admin_groups(const char *brokers, const char *topic, const char *group);
#endif
