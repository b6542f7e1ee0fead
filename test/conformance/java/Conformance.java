import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;

/**
 * Apache Kafka's own clients and tools, unmodified, against a broker: {@code java Conformance.java <bootstrap> <folder>
 * <data directory of the broker> <pattern of names>}. Each case says on a line how it went, parts with tabs between: {@code ok <name>
 * <time>} or {@code failed <name> <why>}. All in one JVM, because each costs a second to start.
 */
public class Conformance {
    interface Case { void run() throws Exception; }

    static String bootstrap;
    static Path folder;
    static Path data;
    static final PrintStream out = System.out;
    static final Map<String, Case> cases = new LinkedHashMap<>();
    static final long patienceMs = 120_000;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        folder = Path.of(args[1]);
        data = Path.of(args[2]);
        Exit.setExitProcedure(Conformance::ended);
        Exit.setHaltProcedure(Conformance::ended);
        clients();
        tools();
        frameworks();
        for (Map.Entry<String, Case> each : cases.entrySet()) {
            if (!each.getKey().matches(args[3])) continue;
            long started = System.nanoTime();
            try {
                each.getValue().run();
                out.println("ok\t" + each.getKey() + "\t" + (System.nanoTime() - started) / 1_000_000 + " ms");
            } catch (Throwable error) {
                StringBuilder why = new StringBuilder();
                for (Throwable at = error; at != null; at = at.getCause()) why.append(at).append("; ");
                StackTraceElement[] trace = error.getStackTrace();
                String text = why.toString().replaceAll("\\s+", " ");
                out.println("failed\t" + each.getKey() + "\t" + text + (trace.length > 0 ? trace[0] : ""));
            }
        }
        Runtime.getRuntime().halt(0);
    }

    /** What the running tool wanted to end with. The first code counts: a tool may catch what we throw, and end anew. */
    static volatile Integer exitCode;

    static void ended(int code, String message) {
        if (exitCode == null) exitCode = code;
        throw new ToolEnded(code, message);
    }

    static class ToolEnded extends RuntimeException {
        ToolEnded(int code, String message) { super("exit " + code + " " + message); }
    }

    static void check(boolean holds, String what) { if (!holds) throw new AssertionError(what); }

    static void same(Object expected, Object actual, String what) {
        check(Objects.equals(expected, actual), what + ": expected " + expected + ", got " + actual);
    }

    /** Waits until a value is as it should be. */
    static <T> void until(T expected, Callable<T> actual, String what) throws Exception {
        long deadline = System.currentTimeMillis() + patienceMs;
        T last = actual.call();
        while (!Objects.equals(expected, last) && System.currentTimeMillis() < deadline) {
            Thread.sleep(50);
            last = actual.call();
        }
        same(expected, last, what);
    }

    static String unique(String name) { return name + "-" + UUID.randomUUID().toString().substring(0, 8); }

    static Properties with(Object... pairs) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], String.valueOf(pairs[i + 1]));
        return properties;
    }

    static Producer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(with(pairs), new StringSerializer(), new StringSerializer());
    }

    static org.apache.kafka.clients.consumer.Consumer<String, String> consumer(Object... pairs) {
        Properties properties = with("auto.offset.reset", "earliest");
        properties.putAll(with(pairs));
        return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    static String topic(int partitions) throws Exception {
        String name = unique("topic");
        try (Admin admin = Admin.create(with())) {
            admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
        }
        return name;
    }

    static void write(String topic, String... values) throws Exception {
        try (Producer<String, String> producer = producer()) {
            for (String value : values) producer.send(new ProducerRecord<>(topic, value, value)).get();
        }
    }

    /** Values until there are so many. */
    static List<String> read(String topic, int count, Object... pairs) {
        try (org.apache.kafka.clients.consumer.Consumer<String, String> consumer = consumer(pairs)) {
            List<TopicPartition> all = new ArrayList<>();
            for (PartitionInfo each : consumer.partitionsFor(topic)) all.add(new TopicPartition(topic, each.partition()));
            consumer.assign(all);
            consumer.seekToBeginning(all);
            List<String> values = new ArrayList<>();
            long deadline = System.currentTimeMillis() + patienceMs;
            while (values.size() < count && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<String, String> each : consumer.poll(Duration.ofMillis(200))) values.add(each.value());
            }
            return values;
        }
    }

    static void clients() {
        cases.put("client: an idempotent producer, every record once and in order", () -> {
            String topic = topic(3);
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            try (Producer<String, String> producer = producer("linger.ms", 5)) {
                for (int i = 0; i < 30_000; i++) sent.add(producer.send(new ProducerRecord<>(topic, i % 3, "k", "" + i)));
            }
            for (Future<RecordMetadata> each : sent) check(each.get().offset() >= 0, "no offset");
            List<String> values = read(topic, 30_000);
            same(30_000, values.size(), "records");
            int[] last = {-3, -2, -1};
            for (String value : values) {
                int i = Integer.parseInt(value);
                same(last[i % 3] + 3, i, "order in partition " + i % 3);
                last[i % 3] = i;
            }
        });
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
            cases.put("client: compression by " + codec, () -> {
                String topic = topic(1);
                try (Producer<String, String> producer = producer("compression.type", codec, "linger.ms", 20)) {
                    for (int i = 0; i < 500; i++) producer.send(new ProducerRecord<>(topic, "value ".repeat(10) + i));
                }
                same(500, read(topic, 500).size(), "records");
            });
        }
        cases.put("client: acks 0 and 1", () -> {
            for (String acks : List.of("0", "1")) {
                String topic = topic(1);
                try (Producer<String, String> producer = producer("acks", acks, "enable.idempotence", false)) {
                    for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, "" + i));
                }
                same(100, read(topic, 100).size(), "records with acks " + acks);
            }
        });
        cases.put("client: a record too large", () -> {
            String topic = topic(1);
            try (Producer<String, String> producer = producer("max.request.size", 20_000_000)) {
                try {
                    producer.send(new ProducerRecord<>(topic, "x".repeat(3_000_000))).get();
                    check(false, "it was taken");
                } catch (ExecutionException error) {
                    check(error.getCause() instanceof RecordTooLargeException, "refused with " + error.getCause());
                }
            }
        });
        for (String assignor : List.of("CooperativeStickyAssignor", "RangeAssignor")) {
            cases.put("client: two members of a group, " + assignor, () -> {
                String topic = topic(4), group = unique("group");
                Object[] settings = {"group.id", group, "partition.assignment.strategy",
                    "org.apache.kafka.clients.consumer." + assignor, "heartbeat.interval.ms", 300, "session.timeout.ms", 10_000};
                try (var one = consumer(settings); var two = consumer(settings)) {
                    one.subscribe(List.of(topic));
                    until(4, () -> { one.poll(Duration.ofMillis(50)); return one.assignment().size(); }, "all for one");
                    two.subscribe(List.of(topic));
                    until(List.of(2, 2), () -> {
                        one.poll(Duration.ofMillis(50));
                        two.poll(Duration.ofMillis(50));
                        return List.of(one.assignment().size(), two.assignment().size());
                    }, "two for each");
                    write(topic, "a", "b", "c", "d");
                    Set<String> values = new TreeSet<>();
                    until(Set.of("a", "b", "c", "d"), () -> {
                        for (var each : List.of(one, two)) for (var record : each.poll(Duration.ofMillis(50))) values.add(record.value());
                        return Set.copyOf(values);
                    }, "values");
                    one.commitSync();
                    two.commitSync();
                    two.close();
                    until(4, () -> { one.poll(Duration.ofMillis(50)); return one.assignment().size(); }, "all for one again");
                }
            });
        }
        cases.put("client: a static member comes back to its partitions", () -> {
            String topic = topic(2), group = unique("group");
            Object[] settings = {"group.id", group, "group.instance.id", "seat", "session.timeout.ms", 20_000};
            try (var one = consumer(settings)) {
                one.subscribe(List.of(topic));
                until(2, () -> { one.poll(Duration.ofMillis(50)); return one.assignment().size(); }, "assignment");
                int generation = one.groupMetadata().generationId();
                one.close();
                try (var again = consumer(settings)) {
                    again.subscribe(List.of(topic));
                    until(2, () -> { again.poll(Duration.ofMillis(50)); return again.assignment().size(); }, "again");
                    same(generation, again.groupMetadata().generationId(), "no rebalance");
                }
            }
        });
        cases.put("client: positions, ends, times and lag", () -> {
            String topic = topic(1);
            long now = System.currentTimeMillis();
            try (Producer<String, String> producer = producer()) {
                for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 0, now + i * 1000, "k", "" + i)).get();
            }
            TopicPartition at = new TopicPartition(topic, 0);
            try (var consumer = consumer("group.id", unique("group"), "max.poll.records", 3)) {
                same(Map.of(at, 0L), consumer.beginningOffsets(List.of(at)), "beginning");
                same(Map.of(at, 10L), consumer.endOffsets(List.of(at)), "end");
                same(4L, consumer.offsetsForTimes(Map.of(at, now + 3500)).get(at).offset(), "by time");
                consumer.assign(List.of(at));
                consumer.seek(at, 7);
                until(10L, () -> { consumer.poll(Duration.ofMillis(50)); return consumer.position(at); }, "position");
                same(OptionalLong.of(0), consumer.currentLag(at), "lag");
                consumer.commitSync(Map.of(at, new OffsetAndMetadata(7, "note")));
                same(new OffsetAndMetadata(7, Optional.empty(), "note").offset(), consumer.committed(Set.of(at)).get(at).offset(), "committed");
                same("note", consumer.committed(Set.of(at)).get(at).metadata(), "note");
            }
        });
        cases.put("client: transactions are seen when they commit, and not when they abort", () -> {
            String topic = topic(2);
            try (Producer<String, String> producer = producer("transactional.id", unique("tx"))) {
                producer.initTransactions();
                for (int i = 0; i < 10; i++) {
                    producer.beginTransaction();
                    for (int j = 0; j < 5; j++) producer.send(new ProducerRecord<>(topic, j % 2, "k", i + "." + j));
                    if (i % 2 == 0) producer.commitTransaction(); else { producer.flush(); producer.abortTransaction(); }
                }
            }
            List<String> committed = read(topic, 25, "isolation.level", "read_committed");
            same(25, committed.size(), "committed");
            for (String value : committed) same(0, (value.charAt(0) - '0') % 2, "of an aborted transaction: " + value);
            same(50, read(topic, 50).size(), "uncommitted");
        });
        cases.put("client: offsets in transactions", () -> {
            String in = topic(1), to = topic(1), group = unique("group");
            write(in, "a", "b", "c", "d");
            TopicPartition at = new TopicPartition(in, 0);
            try (Producer<String, String> producer = producer("transactional.id", unique("tx"));
                 var consumer = consumer("group.id", group, "enable.auto.commit", false, "isolation.level", "read_committed")) {
                producer.initTransactions();
                consumer.subscribe(List.of(in));
                List<ConsumerRecord<String, String>> records = new ArrayList<>();
                until(4, () -> { consumer.poll(Duration.ofMillis(50)).forEach(records::add); return records.size(); }, "read");
                for (boolean commits : List.of(false, true)) {
                    producer.beginTransaction();
                    for (var each : records) producer.send(new ProducerRecord<>(to, each.value()));
                    producer.sendOffsetsToTransaction(Map.of(at, new OffsetAndMetadata(4)), consumer.groupMetadata());
                    if (commits) producer.commitTransaction(); else producer.abortTransaction();
                    OffsetAndMetadata kept = consumer.committed(Set.of(at)).get(at);
                    same(commits ? 4L : null, kept == null ? null : kept.offset(), "offset");
                }
            }
            same(4, read(to, 4, "isolation.level", "read_committed").size(), "written once");
        });
        cases.put("client: a producer of the same id fences the one before", () -> {
            String topic = topic(1), id = unique("tx");
            try (Producer<String, String> old = producer("transactional.id", id);
                 Producer<String, String> fresh = producer("transactional.id", id)) {
                old.initTransactions();
                old.beginTransaction();
                old.send(new ProducerRecord<>(topic, "old")).get();
                fresh.initTransactions();
                try {
                    old.commitTransaction();
                    check(false, "it committed");
                } catch (ProducerFencedException | InvalidProducerEpochException fenced) {
                    // as it should be
                }
                fresh.beginTransaction();
                fresh.send(new ProducerRecord<>(topic, "new"));
                fresh.commitTransaction();
            }
            same(List.of("new"), read(topic, 1, "isolation.level", "read_committed"), "seen");
        });
        cases.put("client: admin", () -> {
            try (Admin admin = Admin.create(with())) {
                String topic = topic(2);
                check(admin.listTopics().names().get().contains(topic), "not listed");
                same(2, admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size(), "partitions");
                admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
                until(3, () -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size(), "more");
                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
                admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(
                    new ConfigEntry("retention.ms", "12345678"), AlterConfigOp.OpType.SET)))).all().get();
                until("12345678", () -> admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value(), "config");
                try (Producer<String, String> producer = producer()) {
                    for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>(topic, 0, "k", "" + i)).get();
                }
                TopicPartition at = new TopicPartition(topic, 0);
                same(5L, admin.listOffsets(Map.of(at, OffsetSpec.latest())).all().get().get(at).offset(), "latest");
                same(4L, admin.listOffsets(Map.of(at, OffsetSpec.maxTimestamp())).all().get().get(at).offset(), "newest");
                same(3L, admin.deleteRecords(Map.of(at, RecordsToDelete.beforeOffset(3))).lowWatermarks().get(at).get().lowWatermark(), "low watermark");
                same(3L, admin.listOffsets(Map.of(at, OffsetSpec.earliest())).all().get().get(at).offset(), "earliest");
                String group = unique("group");
                admin.alterConsumerGroupOffsets(group, Map.of(at, new OffsetAndMetadata(4))).all().get();
                same(4L, admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(at).offset(), "group offset");
                check(admin.listGroups().all().get().stream().anyMatch(each -> each.groupId().equals(group)), "group not listed");
                same(0, admin.describeClassicGroups(List.of(group)).all().get().get(group).members().size(), "members");
                admin.deleteConsumerGroupOffsets(group, Set.of(at)).all().get();
                admin.deleteConsumerGroups(List.of(group)).all().get();
                same(1, admin.describeCluster().nodes().get().size(), "nodes");
                same(1, admin.describeProducers(List.of(at)).all().get().get(at).activeProducers().size(), "producers");
                admin.describeFeatures().featureMetadata().get();
                admin.deleteTopics(List.of(topic)).all().get();
                until(false, () -> admin.listTopics().names().get().contains(topic), "deleted");
            }
        });
        cases.put("client: admin, log directories", () -> {
            TopicPartition at = new TopicPartition(topic(1), 0);
            try (Admin admin = Admin.create(with())) {
                int node = admin.describeCluster().nodes().get().iterator().next().id();
                check(admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node).values().stream()
                    .anyMatch(each -> each.replicaInfos().containsKey(at)), "no log directory");
            }
        });
    }

    interface Tool { void run(String... args) throws Exception; }

    /** What a tool printed; it must end without an error. */
    static String printed(Tool tool, String... args) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream into = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        PrintStream errors = System.err;
        System.setOut(into);
        System.setErr(into);
        exitCode = null;
        try {
            tool.run(args);
        } catch (ToolEnded ended) {
            check(exitCode == 0, ended.getMessage() + ": " + bytes);
        } finally {
            System.setOut(out);
            System.setErr(errors);
        }
        String text = bytes.toString(StandardCharsets.UTF_8);
        if (exitCode == null) check(!text.contains("Error while executing") && !text.contains("Exception:"), text);
        return text;
    }

    static void has(String text, String part) { check(text.contains(part), "no \"" + part + "\" in: " + text); }

    static String[] on(String... args) {
        List<String> all = new ArrayList<>(List.of("--bootstrap-server", bootstrap));
        all.addAll(List.of(args));
        return all.toArray(new String[0]);
    }

    static void tools() {
        cases.put("tool: kafka-topics", () -> {
            Tool tool = org.apache.kafka.tools.TopicCommand::main;
            String topic = unique("tool");
            has(printed(tool, on("--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=60000")), "Created topic");
            has(printed(tool, on("--list")), topic);
            has(printed(tool, on("--describe", "--topic", topic)), "retention.ms=60000");
            printed(tool, on("--alter", "--topic", topic, "--partitions", "4"));
            has(printed(tool, on("--describe", "--topic", topic)), "PartitionCount: 4");
            printed(tool, on("--delete", "--topic", topic));
        });
        cases.put("tool: kafka-configs", () -> {
            Tool tool = kafka.admin.ConfigCommand::main;
            String topic = topic(1);
            has(printed(tool, on("--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", "max.message.bytes=7777")), "Completed");
            has(printed(tool, on("--describe", "--entity-type", "topics", "--entity-name", topic)), "max.message.bytes=7777");
            printed(tool, on("--alter", "--entity-type", "topics", "--entity-name", topic, "--delete-config", "max.message.bytes"));
            has(printed(tool, on("--describe", "--entity-type", "topics", "--entity-name", topic, "--all")), "cleanup.policy=delete");
        });
        cases.put("tool: kafka-consumer-groups", () -> {
            Tool tool = org.apache.kafka.tools.consumer.group.ConsumerGroupCommand::main;
            String topic = topic(1), group = unique("group");
            write(topic, "a", "b", "c");
            try (var consumer = consumer("group.id", group)) {
                consumer.subscribe(List.of(topic));
                until(1, () -> { consumer.poll(Duration.ofMillis(50)); return consumer.assignment().size(); }, "assigned");
                until(3L, () -> { consumer.poll(Duration.ofMillis(50)); return consumer.position(new TopicPartition(topic, 0)); }, "read");
                consumer.commitSync();
                has(printed(tool, on("--list")), group);
                has(printed(tool, on("--describe", "--group", group)), topic);
                has(printed(tool, on("--describe", "--group", group, "--members")), group);
                has(printed(tool, on("--describe", "--group", group, "--state")), "Stable");
            }
            has(printed(tool, on("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute")), topic);
            has(printed(tool, on("--delete-offsets", "--group", group, "--topic", topic)), topic);
            has(printed(tool, on("--delete", "--group", group)), "successful");
        });
        cases.put("tool: kafka-get-offsets", () -> {
            String topic = topic(1);
            write(topic, "a", "b");
            has(printed(org.apache.kafka.tools.GetOffsetShell::main, on("--topic", topic, "--time", "-1")), topic + ":0:2");
        });
        cases.put("tool: kafka-delete-records", () -> {
            String topic = topic(1);
            write(topic, "a", "b", "c");
            Path file = folder.resolve("delete.json");
            Files.writeString(file, "{\"version\":1,\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0,\"offset\":2}]}");
            has(printed(org.apache.kafka.tools.DeleteRecordsCommand::main, on("--offset-json-file", file.toString())), "low_watermark: 2");
        });
        cases.put("tool: kafka-transactions", () -> {
            Tool tool = org.apache.kafka.tools.TransactionsCommand::main;
            String topic = topic(1), id = unique("tx");
            try (Producer<String, String> producer = producer("transactional.id", id)) {
                producer.initTransactions();
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, "a")).get();
                has(printed(tool, on("list")), id);
                has(printed(tool, on("describe", "--transactional-id", id)), "Ongoing");
                has(printed(tool, on("describe-producers", "--topic", topic, "--partition", "0")), "ProducerId");
                producer.commitTransaction();
            }
        });
        cases.put("tool: kafka-log-dirs", () -> {
            String topic = topic(1);
            write(topic, "a");
            has(printed(org.apache.kafka.tools.LogDirsCommand::main, on("--describe", "--topic-list", topic)), topic + "-0");
        });
        cases.put("tool: kafka-broker-api-versions", () ->
            has(printed(org.apache.kafka.tools.BrokerApiVersionsCommand::main, on()), "Produce(0)"));
        cases.put("tool: kafka-dump-log on our files", () -> {
            String topic = topic(1);
            try (Producer<String, String> producer = producer("compression.type", "zstd", "transactional.id", unique("tx"))) {
                producer.initTransactions();
                producer.beginTransaction();
                for (int i = 0; i < 1000; i++) producer.send(new ProducerRecord<>(topic, "k" + i, "v" + i));
                producer.commitTransaction();
            }
            String at = data.resolve(topic + "-0").resolve("00000000000000000000").toString();
            String text = printed(org.apache.kafka.tools.DumpLogSegments::main, "--files", at + ".log", "--print-data-log", "--deep-iteration");
            has(text, "payload: v999");
            has(text, "endTxnMarker: COMMIT");
            check(!text.contains("isvalid: false"), "a batch is not valid");
            String index = printed(org.apache.kafka.tools.DumpLogSegments::main, "--files", at + ".index", "--index-sanity-check");
            check(!index.contains("Mismatches"), index);
            String times = printed(org.apache.kafka.tools.DumpLogSegments::main, "--files", at + ".timeindex");
            check(!times.contains("Found timestamp mismatch") && !times.contains("out of order"), times);
        });
        cases.put("tool: kafka-producer-perf-test", () -> has(printed(org.apache.kafka.tools.ProducerPerformance::main,
            "--topic", topic(1), "--num-records", "50000", "--record-size", "100", "--throughput", "-1",
            "--producer-props", "bootstrap.servers=" + bootstrap, "acks=all"), "50000 records sent"));
        cases.put("tool: kafka-consumer-perf-test", () -> {
            String topic = topic(1);
            printed(org.apache.kafka.tools.ProducerPerformance::main, "--topic", topic, "--num-records", "50000",
                "--record-size", "100", "--throughput", "-1", "--producer-props", "bootstrap.servers=" + bootstrap);
            has(printed(org.apache.kafka.tools.ConsumerPerformance::main, on("--topic", topic, "--num-records", "50000")), "50000");
        });
        cases.put("tool: kafka-e2e-latency", () -> has(printed(org.apache.kafka.tools.EndToEndLatency::main,
            on("--topic", topic(1), "--num-records", "200", "--producer-acks", "all", "--record-size", "100")), "Percentiles"));
    }

    static void frameworks() {
        cases.put("framework: a Streams word-count with exactly_once_v2", () -> {
            String in = topic(2), to = topic(1), application = unique("words");
            StreamsBuilder builder = new StreamsBuilder();
            builder.stream(in, Consumed.with(Serdes.String(), Serdes.String()))
                .flatMapValues(line -> Arrays.asList(line.split(" ")))
                .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
                .count(Materialized.as("counts"))
                .toStream()
                .to(to, Produced.with(Serdes.String(), Serdes.Long()));
            Properties settings = with("application.id", application, "processing.guarantee", "exactly_once_v2",
                "commit.interval.ms", 100, "session.timeout.ms", 6000, "heartbeat.interval.ms", 500, "state.dir", folder.resolve("streams").toString(), "replication.factor", 1,
                "auto.offset.reset", "earliest");
            for (int round = 1; round <= 2; round++) { // the second goes on from the state of the first
                try (KafkaStreams streams = new KafkaStreams(builder.build(), settings)) {
                    streams.start();
                    write(in, "all streams lead to kafka", "hello kafka streams", "join kafka summit");
                    Map<String, Long> counts = new HashMap<>();
                    try (KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(with("isolation.level", "read_committed"),
                        new StringDeserializer(), new LongDeserializer())) {
                        TopicPartition at = new TopicPartition(to, 0);
                        consumer.assign(List.of(at));
                        consumer.seekToBeginning(List.of(at));
                        until(List.of(3L * round, 2L * round, (long) round), () -> {
                            for (var each : consumer.poll(Duration.ofMillis(100))) counts.put(each.key(), each.value());
                            return List.of(counts.getOrDefault("kafka", 0L), counts.getOrDefault("streams", 0L), counts.getOrDefault("summit", 0L));
                        }, "counts in round " + round);
                    }
                    check(streams.close(Duration.ofSeconds(20)), "it does not stop");
                }
            }
        });
        cases.put("framework: Connect copies a file into a topic and the topic into a file", () -> {
            String topic = topic(1);
            Path from = folder.resolve("source.txt"), to = folder.resolve("sink.txt");
            StringBuilder lines = new StringBuilder();
            for (int i = 0; i < 500; i++) lines.append("line ").append(i).append('\n');
            Files.writeString(from, lines);
            Path worker = properties("worker", "bootstrap.servers", bootstrap, "key.converter", "org.apache.kafka.connect.storage.StringConverter",
                "value.converter", "org.apache.kafka.connect.storage.StringConverter", "offset.storage.file.filename",
                folder.resolve("connect.offsets"), "offset.flush.interval.ms", 500, "listeners", "http://127.0.0.1:0", "plugin.discovery", "only_scan");
            Path source = properties("source", "name", "from", "connector.class", "org.apache.kafka.connect.file.FileStreamSourceConnector",
                "tasks.max", 1, "file", from, "topic", topic);
            Path sink = properties("sink", "name", "to", "connector.class", "org.apache.kafka.connect.file.FileStreamSinkConnector",
                "tasks.max", 1, "file", to, "topics", topic, "consumer.override.auto.offset.reset", "earliest");
            Thread connect = new Thread(() -> org.apache.kafka.connect.cli.ConnectStandalone.main(
                new String[] {worker.toString(), source.toString(), sink.toString()}));
            connect.setDaemon(true);
            connect.start();
            until(lines.toString(), () -> Files.exists(to) ? Files.readString(to) : "", "the file");
        });
    }

    static Path properties(String name, Object... pairs) throws Exception {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < pairs.length; i += 2) text.append(pairs[i]).append('=').append(pairs[i + 1]).append('\n');
        return Files.writeString(folder.resolve(name + ".properties"), text);
    }
}
