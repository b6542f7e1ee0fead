import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What Kafka's own tools do not measure. Prints one line of JSON: milliseconds of each step. */
public final class KafkaBench {
  public static void main(String[] args) {
    String bootstrap = args[1];
    String topic = args[2];
    int count = Integer.parseInt(args[3]);
    double[] millis = switch (args[0]) {
      case "transactions" -> transactions(bootstrap, topic, count, Integer.parseInt(args[4]));
      case "join" -> join(bootstrap, topic, count);
      default -> throw new IllegalArgumentException(args[0]);
    };
    System.out.println(Arrays.toString(millis));
  }

  /** Begin, send, commit, again and again; a tenth goes before to warm up. */
  private static double[] transactions(String bootstrap, String topic, int count, int records) {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("transactional.id", "bench-" + System.nanoTime());
    config.put("key.serializer", ByteArraySerializer.class.getName());
    config.put("value.serializer", ByteArraySerializer.class.getName());
    byte[] value = new byte[100];
    double[] millis = new double[count];
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(config)) {
      producer.initTransactions();
      for (int i = -count / 10; i < count; i++) {
        long start = System.nanoTime();
        producer.beginTransaction();
        for (int r = 0; r < records; r++) producer.send(new ProducerRecord<>(topic, value));
        producer.commitTransaction();
        if (i >= 0) millis[i] = (System.nanoTime() - start) / 1e6;
      }
    }
    return millis;
  }

  /** From subscribe to the call that tells the assignment, each time alone in a new group, in a classic one. */
  private static double[] join(String bootstrap, String topic, int count) {
    double[] millis = new double[count];
    for (int i = -3; i < count; i++) {
      Properties config = new Properties();
      config.put("bootstrap.servers", bootstrap);
      config.put("group.id", "join-" + System.nanoTime());
      config.put("group.protocol", "classic");
      config.put("key.deserializer", ByteArrayDeserializer.class.getName());
      config.put("value.deserializer", ByteArrayDeserializer.class.getName());
      long[] assigned = {0};
      ConsumerRebalanceListener listener = new ConsumerRebalanceListener() {
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
          assigned[0] = System.nanoTime();
        }
      };
      try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config)) {
        long start = System.nanoTime();
        consumer.subscribe(List.of(topic), listener);
        while (assigned[0] == 0) consumer.poll(Duration.ofMillis(5));
        if (i >= 0) millis[i] = (assigned[0] - start) / 1e6;
      }
    }
    return millis;
  }
}
